/** Who may call: tokens, made and revoked. */
import { type FormEvent, useState } from 'react';
import { useWrite } from '../../components/refusable';
import { Copy, Dialog, Loading, Problem } from '../../components/ui';
import { When } from '../../components/when';
import { EndToken, NewToken, type Scope, Tokens } from '../../generated/graphql';
import { useQuery } from '../../query';

const SCOPES: readonly Scope[] = ['READ', 'WRITE', 'ADMIN'];

export function TokensTab() {
  const { data, error, reload } = useQuery(Tokens, {});
  const [making, setMaking] = useState(false);
  const revoke = useWrite(EndToken);
  const [ending, setEnding] = useState<{ id: string; name: string } | null>(null);
  const tokens = data?.tokens.nodes;
  return (
    <section className="panel stack">
      <div className="bar">
        <h2 className="grow">Tokens</h2>
        <button type="button" onClick={() => setMaking(true)}>
          New token…
        </button>
      </div>
      <Problem error={error ?? revoke.error} retry={reload} />
      {!tokens && !error && <Loading what="tokens" />}
      {tokens?.length === 0 && <p className="muted">There is none: nobody is asked who they are. With the first one, everybody is.</p>}
      {tokens && tokens.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Tokens">
          <table className="list">
            <thead>
              <tr>
                {['Name', 'Scopes', 'Created', 'Ends', 'State', ''].map((heading) => (
                  <th key={heading} scope="col">
                    {heading || <span className="visually-hidden">Revoke</span>}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {tokens.map((token) => (
                <tr key={token.id}>
                  <td>
                    <strong>{token.name}</strong>
                  </td>
                  <td>{token.scopes.join(', ')}</td>
                  <td>
                    <When at={token.createdAt} /> <span className="muted">by {token.createdBy}</span>
                  </td>
                  <td>{token.expiresAt ? <When at={token.expiresAt} /> : 'never'}</td>
                  <td>{token.revokedAt ? 'revoked' : token.expiresAt && Date.parse(token.expiresAt) < Date.now() ? 'expired' : 'good'}</td>
                  <td>
                    {!token.revokedAt && (
                      <button type="button" onClick={() => setEnding(token)}>
                        Revoke…
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {making && <NewTokenDialog close={() => { setMaking(false); reload(); }} />}
      {ending && (
        <Dialog title={`Revoke ${ending.name}`} close={() => setEnding(null)}>
          <p>Whoever uses it is refused within five seconds, for good.</p>
          <footer>
            <button type="button" onClick={() => setEnding(null)}>
              Not now
            </button>
            <button
              type="button"
              className="danger"
              onClick={() =>
                void revoke.send({ id: ending.id }).then(() => {
                  setEnding(null);
                  reload();
                })
              }
            >
              Revoke
            </button>
          </footer>
        </Dialog>
      )}
    </section>
  );
}

function NewTokenDialog({ close }: { close: () => void }) {
  const make = useWrite(NewToken);
  const [secret, setSecret] = useState('');
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const until = String(form.get('until'));
    const made = await make.send({
      name: String(form.get('name')).trim(),
      scopes: form.getAll('scope'),
      ...(until && { expiresAt: new Date(`${until}T23:59:59Z`).toISOString() }),
    });
    if (made) setSecret(made.secret);
  };
  return (
    <Dialog title="New token" close={close}>
      {secret ? (
        <div className="form">
          <p>This is shown once; only its hash is kept.</p>
          <p className="bar">
            <code className="secret">{secret}</code> <Copy text={secret} label="Copy the token" />
          </p>
          <footer>
            <button type="button" className="primary" onClick={close}>
              Done
            </button>
          </footer>
        </div>
      ) : (
        <form className="form" onSubmit={(event) => void submit(event)}>
          <label>
            Who will use it
            <input name="name" required />
          </label>
          <fieldset>
            <legend>Good for</legend>
            {SCOPES.map((scope) => (
              <label key={scope} className="check">
                <input type="checkbox" name="scope" value={scope} defaultChecked={scope === 'READ'} /> {scope}
              </label>
            ))}
          </fieldset>
          <label>
            Until the end of (UTC; may be empty)
            <input type="date" name="until" />
          </label>
          <Problem error={make.error} />
          <footer>
            <button type="button" onClick={close}>
              Not now
            </button>
            <button type="submit" className="primary" disabled={make.busy}>
              Make it
            </button>
          </footer>
        </form>
      )}
    </Dialog>
  );
}
