/** Kinds of errors: how often, since when, where, and what is behind them. */
import { useState } from 'react';
import { Sparkline } from '../../components/sparkline';
import { StatusBadge } from '../../components/status';
import { Empty, Link, Loading, Problem } from '../../components/ui';
import { Ago, useNow } from '../../components/when';
import { ErrorExecutions, type ErrorGroupsQuery, ErrorTrend, type ExecutionFilter } from '../../generated/graphql';
import { iso, length } from '../../lib/duration';
import { useQuery } from '../../query';
import { bucketFor } from '../executions/filter';

type Found = ErrorGroupsQuery['errorGroups'];
type Group = Found['groups'][number];

export function Groups({ groups: { groups, from, to, hasMore }, within }: { groups: Found; within: ExecutionFilter }) {
  const now = useNow();
  const [open, setOpen] = useState<string | null>(null);
  if (!groups.length) {
    return (
      <Empty title="Nothing failed">
        <p>No execution and no step reported an error in this time.</p>
      </Empty>
    );
  }
  return (
    <section aria-label="Kinds of errors" className="stack">
      <ol className="groups">
        {groups.map((group) => (
          <li key={group.fingerprint} className="panel">
            <button type="button" className="group-head" aria-expanded={open === group.fingerprint} onClick={() => setOpen(open === group.fingerprint ? null : group.fingerprint)}>
              <span className="number count">{group.count.toLocaleString('en')}×</span>
              <span className="grow">
                {group.code && <code>{group.code}</code>} <span className="message">{group.message || 'no message'}</span>
              </span>
              <span className="muted">
                last <Ago at={group.lastSeen} now={now} />
              </span>
            </button>
            {open === group.fingerprint && <Behind group={group} from={from} to={to} within={within} now={now} />}
          </li>
        ))}
      </ol>
      {hasMore && <p className="muted">These are the most frequent ones; there are more.</p>}
    </section>
  );
}

function Behind({ group, from, to, within, now }: { group: Group; from: string; to: string; within: ExecutionFilter; now: number }) {
  const span = (Date.parse(to) - Date.parse(from)) / 1000;
  const bucket = bucketFor(span * 3);
  const filter: ExecutionFilter = { ...within, errorFingerprint: group.fingerprint, createdAt: { gte: from, lte: to } };
  const trend = useQuery(ErrorTrend, { filter, bucket: iso(bucket) });
  const list = useQuery(ErrorExecutions, { filter });
  const bars = trend.data?.executionStats.groups.map(({ bucket, count }) => ({ time: Date.parse(bucket ?? ''), value: count, bad: 1 }));
  return (
    <div className="behind">
      <dl className="facts">
        <div>
          <dt>In executions</dt>
          <dd className="number">{group.executions}</dd>
        </div>
        <div>
          <dt>First</dt>
          <dd>
            <Ago at={group.firstSeen} now={now} />
          </dd>
        </div>
        <div>
          <dt>Workflows</dt>
          <dd>
            {group.workflows.map(({ id, name, version }) => (
              <Link key={id} to={`/workflows/${encodeURIComponent(name)}?version=${id}`} className="tag">
                {name} {version}
              </Link>
            ))}
          </dd>
        </div>
        <div className="grow">
          <dt>Executions with it over time</dt>
          <dd>{bars && <Sparkline bars={bars} from={Date.parse(from)} to={Date.parse(to)} size={bucket * 1000} label="Executions with this error over time" />}</dd>
        </div>
      </dl>
      <section>
        <h3>The newest</h3>
        <pre className="message">{group.sample.message}</pre>
        {group.sample.execution && (
          <p className="links">
            <Link to={`/executions/${group.sample.execution.id}${group.sample.step ? `?step=${encodeURIComponent(group.sample.step.key)}` : ''}`}>
              {group.sample.execution.workflow.name}
              {group.sample.step && `, step ${group.sample.step.key}`}
            </Link>
          </p>
        )}
      </section>
      <section>
        <h3>Executions with it</h3>
        <Problem error={list.error ?? trend.error} />
        {!list.data && list.loading && <Loading what="executions" />}
        <ul>
          {list.data?.executions.nodes.map(({ id, status, createdAt, duration, workflow }) => (
            <li key={id} className="bar">
              <StatusBadge status={status} />
              <Link to={`/executions/${id}`}>
                {workflow.name} <span className="version">{workflow.version}</span>
              </Link>
              <Ago at={createdAt} now={now} /> <span className="number muted">{length(duration)}</span>
            </li>
          ))}
        </ul>
        <p className="links">
          <Link to={`/?errorKind=${group.fingerprint}&from=${from}&to=${to}`}>All of them in the table</Link>
        </p>
      </section>
    </div>
  );
}
