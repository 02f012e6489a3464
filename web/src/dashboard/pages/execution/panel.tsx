/** One step in full: its attempts, its error, what it got and gave, and its last log lines. */
import { useState } from 'react';
import { Json } from '../../components/json';
import { StatusBadge } from '../../components/status';
import { Link, Loading, Problem } from '../../components/ui';
import { Lasted, When } from '../../components/when';
import { type StepDetailQuery, StepDetail } from '../../generated/graphql';
import { useQuery } from '../../query';
import { withParameters } from '../../router';
import { Message } from './message';
import type { StepRuns } from './runs';

export function StepPanel({ id, runs, now, close }: { id: string; runs: StepRuns; now: number; close: () => void }) {
  const [attempt, setAttempt] = useState<number | null>(null);
  const shown = runs.attempts.find((one) => one.attempt === attempt) ?? runs.last;
  const detail = useQuery(StepDetail, { id: shown.id, ...(shown.status && {}) });
  const here = `/executions/${id}`;
  return (
    <aside className="step panel" aria-label={`Step ${runs.key}`}>
      <header>
        <h2>{runs.key}</h2>
        <StatusBadge status={shown.status} />
        <button type="button" className="quiet" onClick={close} aria-label="Close the step">
          ✕
        </button>
      </header>
      {runs.attempts.length > 1 && (
        <p className="choices" role="group" aria-label="Attempt">
          {runs.attempts.map((one) => (
            <button key={one.id} type="button" className="choice" aria-pressed={one === shown} onClick={() => setAttempt(one.attempt)}>
              attempt {one.attempt}
            </button>
          ))}
        </p>
      )}
      {shown.error && (
        <p className="message">
          {shown.error.code && <code>{shown.error.code}</code>} {shown.error.message}
        </p>
      )}
      <dl className="facts">
        <div>
          <dt>Started</dt>
          <dd>
            <When at={shown.startedAt} milliseconds />
          </dd>
        </div>
        <div>
          <dt>Took</dt>
          <dd>
            <Lasted of={{ ...shown, duration: between(shown) }} now={now} />
          </dd>
        </div>
        <div>
          <dt>Kind</dt>
          <dd>{runs.type}</dd>
        </div>
        {shown.dependsOn.length > 0 && (
          <div>
            <dt>After</dt>
            <dd>
              {shown.dependsOn.slice(0, 12).map((key) => (
                <Link key={key} to={withParameters(location.pathname + location.search, { step: key })} className="tag">
                  {key}
                </Link>
              ))}
              {shown.dependsOn.length > 12 && ` and ${shown.dependsOn.length - 12} more`}
            </dd>
          </div>
        )}
      </dl>
      <Problem error={detail.error} retry={detail.reload} />
      {detail.data?.node ? <Detail step={detail.data.node as Detailed} /> : detail.loading && <Loading what="the step" />}
      <p className="links">
        <Link to={withParameters(here, { tab: 'logs', logStep: runs.key, step: runs.key })}>All its logs</Link>
        {shown.completedAt && <Link to={withParameters(here, { tab: 'state', at: shown.completedAt, step: runs.key })}>State when it ended</Link>}
      </p>
    </aside>
  );
}

type Detailed = Extract<StepDetailQuery['node'], { logs: unknown }>;

function Detail({ step }: { step: Detailed }) {
  return (
    <>
      {step.logs.nodes.length > 0 && (
        <section>
          <h3>Last log lines</h3>
          <ol className="lines">
            {step.logs.nodes.map((line) => (
              <li key={line.id} className={`l-${line.level}`}>
                <span className="level">{line.level}</span> <Message text={line.message} />
              </li>
            ))}
          </ol>
        </section>
      )}
      {step.error?.details != null && (
        <section>
          <h3>Error details</h3>
          <Json value={step.error.details} label="the error details" />
        </section>
      )}
      {(['input', 'output', 'metrics'] as const).map(
        (part) =>
          step[part] != null && (
            <section key={part}>
              <h3>{part[0]?.toUpperCase() + part.slice(1)}</h3>
              <Json value={step[part]} label={`the ${part}`} />
            </section>
          ),
      )}
    </>
  );
}

function between({ startedAt, completedAt }: { startedAt?: string | null; completedAt?: string | null }): string | null {
  if (!startedAt || !completedAt) return null;
  return `PT${(Date.parse(completedAt) - Date.parse(startedAt)) / 1000}S`;
}
