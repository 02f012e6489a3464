/** What may go and when, what that would take now, and what has gone. */
import { useState } from 'react';
import { useWrite } from '../../components/refusable';
import { word } from '../../components/status';
import { Empty, Loading, Problem } from '../../components/ui';
import { When } from '../../components/when';
import { type PolicyRowFragment, RetentionPolicies, RetentionPreviewed, RetentionReceipts, SetPolicyEnabled } from '../../generated/graphql';
import { length } from '../../lib/duration';
import { size } from '../../lib/sizes';
import { useQuery } from '../../query';
import { Holds } from './holds';

export function RetentionTab() {
  const policies = useQuery(RetentionPolicies, {});
  const [previewed, setPreviewed] = useState<string | null>(null);
  const rows = policies.data?.retentionPolicies.nodes;
  return (
    <div className="stack">
      <Problem error={policies.error} retry={policies.reload} />
      {!rows && policies.loading && <Loading what="policies" />}
      {rows?.length === 0 && (
        <Empty title="Everything is kept">
          <p>A policy lets old executions go, or only their logs and checkpoints. See first what it would take:</p>
          <pre>flowkeep retention preview --executions 90d{'\n'}flowkeep retention create old --executions 90d --logs 14d --keep-last 10</pre>
        </Empty>
      )}
      {rows && rows.length > 0 && (
        <section className="panel">
          <h2>Policies</h2>
          <div className="scroll" tabIndex={0} role="region" aria-label="Policies">
            <table className="list">
              <thead>
                <tr>
                  {['Policy', 'Takes', 'Executions go after', 'Logs', 'Checkpoints', 'Spares', 'Applied', ''].map((heading) => (
                    <th key={heading} scope="col">
                      {heading || <span className="visually-hidden">Preview</span>}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((policy) => (
                  <Policy key={policy.id} policy={policy} changed={policies.reload} previewed={previewed === policy.id} preview={() => setPreviewed(previewed === policy.id ? null : policy.id)} />
                ))}
              </tbody>
            </table>
          </div>
          {previewed && <Preview key={previewed} id={previewed} />}
        </section>
      )}
      <Holds />
      <Receipts />
    </div>
  );
}

interface PolicyProps {
  policy: PolicyRowFragment;
  changed: () => void;
  previewed: boolean;
  preview: () => void;
}

function Policy({ policy, changed, previewed, preview }: PolicyProps) {
  const update = useWrite(SetPolicyEnabled);
  const toggle = async () => {
    await update.send({ policyId: policy.id, enabled: !policy.enabled, expectedRevision: policy.revision });
    changed();
  };
  return (
    <tr>
      <td>
        <strong>{policy.name}</strong>
        {update.error && <div className="message">{update.error.message}</div>}
      </td>
      <td>
        {policy.workflowName ?? 'all workflows'}
        {policy.statuses && <div className="muted">{policy.statuses.map(word).join(', ')}</div>}
      </td>
      <td>{policy.keepExecutions ? length(policy.keepExecutions) : 'never'}</td>
      <td>{policy.keepLogs ? length(policy.keepLogs) : 'with it'}</td>
      <td>{policy.keepCheckpoints ? length(policy.keepCheckpoints) : 'with it'}</td>
      <td>{policy.keepLast ? `the newest ${policy.keepLast}` : 'none'}</td>
      <td>
        <label className="check">
          <input type="checkbox" checked={policy.enabled} disabled={update.busy} onChange={() => void toggle()} /> by itself
        </label>
      </td>
      <td>
        <button type="button" aria-expanded={previewed} onClick={preview}>
          What it would take
        </button>
      </td>
    </tr>
  );
}

function Preview({ id }: { id: string }) {
  const { data, error } = useQuery(RetentionPreviewed, { by: { policyId: id } });
  if (error) return <Problem error={error} />;
  if (!data) return <Loading what="what would go" />;
  const { executions, withLogs, withCheckpoints, oldest, newest, tables, partitions, exact } = data.previewRetention;
  return (
    <div role="status">
      <p>
        <strong className="number">{executions.toLocaleString('en')}</strong> executions would go now
        {executions > 0 && (
          <>
            , ended from <When at={oldest} /> to <When at={newest} />
          </>
        )}
        . {withLogs.toLocaleString('en')} others would lose their logs, {withCheckpoints.toLocaleString('en')} old checkpoints.
      </p>
      {tables.length > 0 && (
        <p>
          {tables.map(({ table, rows, bytes }) => (
            <span key={table} className="tag">
              {table}: {rows.toLocaleString('en')} rows, {size(bytes)}
            </span>
          ))}
          {!exact && <span className="muted"> scaled up from 200 executions</span>}
        </p>
      )}
      {partitions.length > 0 && <p>Whole partitions: {partitions.join(', ')}</p>}
    </div>
  );
}

function Receipts() {
  const { data, error } = useQuery(RetentionReceipts, {});
  const runs = data?.retentionRuns.nodes;
  if (error) return <Problem error={error} />;
  if (!runs?.length) return null;
  return (
    <section className="panel">
      <h2>Receipts</h2>
      <div className="scroll" tabIndex={0} role="region" aria-label="Receipts">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Started</th>
              <th scope="col">Status</th>
              <th scope="col">By</th>
              <th scope="col">Gone</th>
              <th scope="col" className="right">Batches</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <tr key={run.id}>
                <td>
                  <When at={run.startedAt} />
                </td>
                <td>{word(run.status)}</td>
                <td>{run.actor}</td>
                <td className="wide">
                  {Object.entries(run.deleted)
                    .filter(([, rows]) => Number(rows) > 0)
                    .map(([table, rows]) => (
                      <span key={table} className="tag">
                        {table}: {Number(rows).toLocaleString('en')}
                      </span>
                    ))}
                  {run.partitions.length > 0 && ` partitions: ${run.partitions.join(', ')}`}
                </td>
                <td className="right number">{run.batches}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
