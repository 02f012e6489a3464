/** What an execution is and how it does: the part of its page that is there first. */
import { Link, Problem } from '../../components/ui';
import { Progress, StatusBadge, word } from '../../components/status';
import { Ago, Lasted, When } from '../../components/when';
import { type ExecutionHeadFragment, ExecutionStuck } from '../../generated/graphql';
import { length } from '../../lib/duration';
import { useQuery } from '../../query';
import { withParameters } from '../../router';
import { Actions } from './actions';
import type { StepRuns } from './runs';

interface Props {
  execution: ExecutionHeadFragment;
  now: number;
  /** The step that made it fail, where one did. */
  suspect: StepRuns | undefined;
  reload: () => void;
}

export function Head({ execution, now, suspect, reload }: Props) {
  const ended = execution.completedAt != null;
  return (
    <section className="head" aria-label="Execution">
      <div className="bar">
        <h1>
          <Link to={`/workflows/${encodeURIComponent(execution.workflow.name)}`}>{execution.workflow.name}</Link> <span className="version">{execution.workflow.version}</span>
        </h1>
        <StatusBadge status={execution.status} />
        <Progress counts={execution.metrics.latestByStatus} />
        <Actions execution={execution} reload={reload} />
      </div>
      <p className="id">
        <code>{execution.id}</code>
      </p>
      <dl className="facts">
        <Fact name="Started">
          <When at={execution.startedAt} />
        </Fact>
        <Fact name={ended ? 'Ended' : 'Created'}>
          <When at={ended ? execution.completedAt : execution.createdAt} />
        </Fact>
        <Fact name="Duration">
          <Lasted of={execution} now={now} />
        </Fact>
        <Fact name="Waited">{length(execution.metrics.queueWait)}</Fact>
        <Fact name="Steps">
          <span className="number">
            {execution.metrics.steps}
            {execution.metrics.retries > 0 && <span className="muted"> + {execution.metrics.retries} {execution.metrics.retries === 1 ? 'retry' : 'retries'}</span>}
          </span>
        </Fact>
        <Fact name="Triggered">
          {word(execution.triggerType)} by {execution.triggeredBy}
        </Fact>
        {!ended && execution.lease.holder && (
          <Fact name="Held by">
            {execution.lease.holder}, heard <Ago at={execution.lease.heartbeatAt} now={now} />
          </Fact>
        )}
        {execution.correlationId && <Fact name="Correlation">{execution.correlationId}</Fact>}
        {execution.parent && (
          <Fact name="Started by">
            <Link to={`/executions/${execution.parent.id}`}>another execution</Link>
          </Fact>
        )}
        {execution.forkedFrom && (
          <Fact name="Forked from">
            <Link to={`/executions/${execution.forkedFrom.execution.id}?tab=checkpoints`}>checkpoint {execution.forkedFrom.label ?? execution.forkedFrom.seq}</Link>
          </Fact>
        )}
        {execution.hold && <Fact name="On hold">{execution.hold.reason}</Fact>}
        {execution.tags.length > 0 && (
          <Fact name="Tags">
            {execution.tags.map((tag) => (
              <span key={tag} className="tag">
                {tag}
              </span>
            ))}
          </Fact>
        )}
      </dl>
      {execution.error && <Failure error={execution.error} suspect={suspect} />}
      {!execution.error && suspect && <Failure error={suspect.last.error ?? { message: `The step ended as ${word(suspect.last.status)}.` }} suspect={suspect} />}
      {!ended && <Stuck id={execution.id} status={execution.status} />}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Failure({ error, suspect }: { error: { message: string; code?: string | null }; suspect: StepRuns | undefined }) {
  const here = location.pathname;
  return (
    <div className="failure">
      <p className="message">
        {error.code && <code>{error.code}</code>} {error.message}
      </p>
      {suspect && (
        <p className="links">
          <Link to={withParameters(here, { step: suspect.key })}>Failed step: {suspect.key}</Link>
          <Link to={withParameters(here, { tab: 'logs', logStep: suspect.key })}>Its last log lines</Link>
          <Link to={withParameters(here, { tab: 'state', at: suspect.last.completedAt ?? null })}>State when it failed</Link>
        </p>
      )}
    </div>
  );
}

/** Why it is stalled, where it is. */
function Stuck({ id, status }: { id: string; status: string }) {
  const { data, error } = useQuery(ExecutionStuck, { id, ...(status && {}) });
  const reasons = data?.execution?.whyStuck.reasons.filter(({ code }) => code !== 'NOT_STUCK') ?? [];
  if (error) return <Problem error={error} />;
  if (!reasons.length) return null;
  return (
    <div className="stuck" role="note" aria-label="Why it is stalled">
      {reasons.map(({ code, message }) => (
        <p key={code + message}>
          <strong>{word(code)}</strong> {message}
        </p>
      ))}
    </div>
  );
}
