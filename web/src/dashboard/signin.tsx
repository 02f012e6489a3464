/** Signing in with a token. */
import { type FormEvent, useState } from 'react';
import { signIn } from './session';

export function SignIn({ reason }: { reason: string }) {
  const [token, setToken] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token.trim()) signIn(token.trim());
  };
  return (
    <main className="signin">
      <h1>Flowkeep</h1>
      <p role="status">{reason}</p>
      <form onSubmit={submit}>
        <label>
          Token
          <input type="password" value={token} onChange={(event) => setToken(event.target.value)} autoComplete="off" autoFocus required />
        </label>
        <button type="submit" className="primary">
          Sign in
        </button>
      </form>
      <p className="muted">
        An administrator makes one with <code>flowkeep token create NAME --scope READ</code>. It is kept in this tab until you sign out or close it.
      </p>
    </main>
  );
}
