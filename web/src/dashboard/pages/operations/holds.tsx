/** What is on hold, and placing and releasing it. */
import { useState } from 'react';
import { useWrite } from '../../components/refusable';
import { Link, Loading, Problem } from '../../components/ui';
import { When } from '../../components/when';
import { EndHold, Hold, Holds as HoldList, type HoldsQuery } from '../../generated/graphql';
import { useQuery } from '../../query';

type Row = HoldsQuery['holds']['nodes'][number];

export function Holds() {
  const [cursors, setCursors] = useState<string[]>([]);
  const { data, error, reload } = useQuery(HoldList, { after: cursors.at(-1) ?? null });
  const page = data?.holds;
  return (
    <section className="panel stack">
      <h2>Holds</h2>
      <p className="muted">What is on hold goes neither by a policy nor by anybody's deleting.</p>
      <Place placed={reload} />
      <Problem error={error} retry={reload} />
      {!page && !error && <Loading what="holds" />}
      {page?.nodes.length === 0 && <p className="muted">Nothing is on hold.</p>}
      {page && page.nodes.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Holds">
          <table className="list">
            <thead>
              <tr>
                <th scope="col">On</th>
                <th scope="col">Why</th>
                <th scope="col">Placed</th>
                <th scope="col">By</th>
                <th scope="col">
                  <span className="visually-hidden">Release</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {page.nodes.map((hold) => (
                <Held key={hold.id} hold={hold} released={reload} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {page && (cursors.length > 0 || page.pageInfo.hasNextPage) && (
        <nav className="pager" aria-label="Pages of holds">
          <button type="button" disabled={!cursors.length} onClick={() => setCursors(cursors.slice(0, -1))}>
            ← Newer
          </button>
          <button type="button" disabled={!page.pageInfo.hasNextPage} onClick={() => setCursors([...cursors, page.pageInfo.endCursor ?? ''])}>
            Older →
          </button>
        </nav>
      )}
    </section>
  );
}

function Place({ placed }: { placed: () => void }) {
  const place = useWrite(Hold);
  const [subjectId, setSubject] = useState('');
  const [reason, setReason] = useState('');
  const send = async () => {
    if (!(await place.send({ subjectId, reason }))) return;
    setSubject('');
    setReason('');
    placed();
  };
  return (
    <form
      className="bar"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <input aria-label="Execution or workflow version" placeholder="exec_… or wf_…" value={subjectId} onChange={(event) => setSubject(event.target.value.trim())} />
      <input aria-label="Why" placeholder="Why" maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
      <button type="submit" disabled={!subjectId || !reason.trim() || place.busy}>
        Hold
      </button>
      <Problem error={place.error} />
    </form>
  );
}

function Held({ hold, released }: { hold: Row; released: () => void }) {
  const release = useWrite(EndHold);
  const workflow = hold.workflow ?? hold.execution?.workflow;
  const to = hold.workflow ? `/workflows/${encodeURIComponent(hold.workflow.name)}` : `/executions/${hold.subjectId}`;
  const send = async () => {
    if (await release.send({ subjectId: hold.subjectId })) released();
  };
  return (
    <tr>
      <td>
        <Link to={to}>
          {hold.workflow ? 'All of ' : 'An execution of '}
          {workflow?.name} {workflow?.version}
        </Link>
        <div className="muted">
          <code>{hold.subjectId}</code>
        </div>
      </td>
      <td className="wide">{hold.reason}</td>
      <td>
        <When at={hold.placedAt} />
      </td>
      <td>{hold.placedBy}</td>
      <td>
        <button type="button" disabled={release.busy} onClick={() => void send()}>
          Release
        </button>
        <Problem error={release.error} />
      </td>
    </tr>
  );
}
