/** The history of an execution: every change, with who made it, newest first. */
import { useState } from 'react';
import { Empty, Loading, Problem } from '../../components/ui';
import { Scalar } from '../../components/json';
import { word } from '../../components/status';
import { When } from '../../components/when';
import { type EventType, ExecutionFollowed, History } from '../../generated/graphql';
import { useFeed } from '../../live';
import { useQuery, useThrottled } from '../../query';

const PAGE = 100;
const KINDS: readonly (readonly [string, readonly EventType[]])[] = [
  ['Everything', []],
  ['Statuses', ['EXECUTION_CREATED', 'EXECUTION_IMPORTED', 'EXECUTION_FORKED', 'EXECUTION_RECOVERED', 'STATUS_CHANGED']],
  ['Steps', ['STEP_STARTED', 'STEP_CHANGED']],
  ['State and checkpoints', ['STATE_SAVED', 'CHECKPOINT_CREATED', 'CHECKPOINTS_DELETED']],
  ['Leases', ['LEASE_ACQUIRED', 'LEASE_EXTENDED', 'LEASE_RELEASED']],
];

export function HistoryTab({ id, ended }: { id: string; ended: boolean }) {
  const [kind, setKind] = useState(0);
  const [before, setBefore] = useState<string[]>([]);
  const types = KINDS[kind]?.[1] ?? [];
  const cursor = before.at(-1);
  const { data, error, reload } = useQuery(History, { id, last: PAGE, before: cursor ?? null, filter: types.length ? { type: [...types] } : null });
  const again = useThrottled(reload, 1_000);
  useFeed(ExecutionFollowed, ended ? null : { id, start: 'NOW' as const }, again, again);
  const events = data?.execution?.events;
  return (
    <section className="panel" aria-label="History">
      <div className="bar">
        <select aria-label="What happened" value={kind} onChange={(event) => { setKind(Number(event.target.value)); setBefore([]); }}>
          {KINDS.map(([label], index) => (
            <option key={label} value={index}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <Problem error={error} retry={reload} />
      {!events && <Loading what="the history" />}
      {events?.nodes.length === 0 && <Empty title="Nothing of this kind happened" />}
      {events && events.nodes.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Events">
          <table className="list">
            <thead>
              <tr>
                <th scope="col">#</th>
                <th scope="col">When</th>
                <th scope="col">What</th>
                <th scope="col">Who</th>
                <th scope="col">Changes</th>
              </tr>
            </thead>
            <tbody>
              {[...events.nodes].reverse().map((event) => (
                <tr key={event.id}>
                  <td className="number">{event.seq}</td>
                  <td>
                    <When at={event.at} milliseconds />
                  </td>
                  <td>{word(event.type)}</td>
                  <td>{event.actor}</td>
                  <td className="wide">
                    <Changes changes={event.changes} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {events && (
        <nav className="pager" aria-label="Pages of the history">
          <button type="button" disabled={!before.length} onClick={() => setBefore(before.slice(0, -1))}>
            ← Newer
          </button>
          <button type="button" disabled={!events.pageInfo.hasPreviousPage} onClick={() => setBefore([...before, events.pageInfo.startCursor ?? ''])}>
            Older →
          </button>
        </nav>
      )}
    </section>
  );
}

/** Before and after, where there was a before; other facts by name. */
function Changes({ changes }: { changes: Record<string, unknown> }) {
  return (
    <>
      {Object.entries(changes).map(([name, value]) => (
        <span key={name} className="change">
          <span className="key">{name}</span>{' '}
          {isMove(value) ? (
            <>
              {'before' in value && (
                <>
                  <del>
                    <Scalar value={value.before} />
                  </del>{' '}
                  →{' '}
                </>
              )}
              <ins>
                <Scalar value={value.after} />
              </ins>
            </>
          ) : (
            <Scalar value={value} />
          )}
        </span>
      ))}
    </>
  );
}

function isMove(value: unknown): value is { before?: unknown; after?: unknown } {
  return typeof value === 'object' && value !== null && ('before' in value || 'after' in value);
}
