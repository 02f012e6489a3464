/** The audit log: changes to what belongs to no execution. */
import { useState } from 'react';
import { Scalar } from '../../components/json';
import { word } from '../../components/status';
import { Loading, Problem } from '../../components/ui';
import { When } from '../../components/when';
import { AuditLog } from '../../generated/graphql';
import { useQuery } from '../../query';

export function AuditTab() {
  const [actor, setActor] = useState('');
  const [cursors, setCursors] = useState<string[]>([]);
  const { data, error, reload } = useQuery(AuditLog, { after: cursors.at(-1) ?? null, filter: actor ? { actor: [actor] } : null });
  const page = data?.auditLog;
  return (
    <section className="panel stack">
      <div className="bar">
        <h2 className="grow">Audit log</h2>
        <input
          type="search"
          aria-label="Only by"
          placeholder="Only by"
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            setCursors([]);
            setActor(event.currentTarget.value.trim());
          }}
        />
      </div>
      <Problem error={error} retry={reload} />
      {!page && !error && <Loading what="the audit log" />}
      {page?.nodes.length === 0 && <p className="muted">Nothing was recorded.</p>}
      {page && page.nodes.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Audit entries">
          <table className="list">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">What</th>
                <th scope="col">To what</th>
                <th scope="col">Changes</th>
              </tr>
            </thead>
            <tbody>
              {page.nodes.map((entry) => (
                <tr key={entry.id}>
                  <td>
                    <When at={entry.at} />
                  </td>
                  <td>{entry.actor}</td>
                  <td>{word(entry.type)}</td>
                  <td>
                    {word(entry.subjectType)} <code>{entry.subjectId}</code>
                  </td>
                  <td className="wide">
                    <Scalar value={entry.changes} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {page && (
        <nav className="pager" aria-label="Pages of the audit log">
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
