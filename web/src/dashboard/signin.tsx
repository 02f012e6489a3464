/** Signing in with a token. */
import { type FormEvent, useState } from 'react';
import { beginSignIn } from './oidc';
import { signIn } from './session';
import { settings } from './settings';

export function SignIn({ reason }: { reason: string }) {
  const [token, setToken] = useState('');
  const [wrong, setWrong] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token.trim()) signIn(token.trim());
  };
  return (
    <main className="signin">
      <h1>Flowkeep</h1>
      <p role="status">{wrong || reason}</p>
      {settings.oidc && (
        <button type="button" className="primary" onClick={() => void beginSignIn(settings.oidc).catch((error: Error) => setWrong(error.message))}>
          Sign in at {new URL(settings.oidc.issuer).host}
        </button>
      )}
      <form onSubmit={submit}>
        <label>
          Token
          <input type="password" value={token} onChange={(event) => setToken(event.target.value)} autoComplete="off" autoFocus required />
        </label>
        <button type="submit" className={settings.oidc ? undefined : 'primary'}>
          Sign in{settings.oidc && ' with the token'}
        </button>
      </form>
      <p className="muted">
        An administrator makes one with <code>flowkeep token create NAME --scope READ</code>. It is kept in this tab until you sign out or close it.
      </p>
    </main>
  );
}
