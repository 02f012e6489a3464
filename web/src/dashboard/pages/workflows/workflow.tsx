/** One workflow: its versions, what they define and how they differ, how long they take and how they fail. */
import { useMemo } from 'react';
import { Chart, colour } from '../../components/chart';
import { Dag } from '../../components/dag';
import { Json } from '../../components/json';
import { word } from '../../components/status';
import { Link, Loading, Problem, Tabs } from '../../components/ui';
import { When } from '../../components/when';
import { ErrorGroups, type StepStatsOrder, WorkflowDefinition, WorkflowDurations, WorkflowSteps, WorkflowVersions } from '../../generated/graphql';
import { length, seconds } from '../../lib/duration';
import { useZone } from '../../lib/preferences';
import { useQuery } from '../../query';
import { useParameters } from '../../router';
import { graphOf } from '../execution/graphmodel';
import { Difference } from '../execution/state';
import { Groups } from '../failures/groups';

const TABS = [
  ['definition', 'Definition'],
  ['durations', 'Durations'],
  ['steps', 'Steps'],
  ['errors', 'Errors'],
] as const;

export function WorkflowPage({ name }: { name: string }) {
  const [parameters, change] = useParameters();
  const { data, error, reload } = useQuery(WorkflowVersions, { name });
  const versions = data?.workflow?.versions.nodes;
  const shown = versions?.find(({ id }) => id === parameters.get('version')) ?? versions?.[0];
  const tab = TABS.find(([one]) => one === parameters.get('tab'))?.[0] ?? 'definition';
  if (error) {
    return (
      <main>
        <Problem error={error} retry={reload} />
      </main>
    );
  }
  if (!versions || !shown) return <Loading what="the workflow" />;
  return (
    <main>
      <section className="head" aria-label="Workflow">
        <div className="bar">
          <h1>{name}</h1>
          <label>
            Version{' '}
            <select value={shown.id} onChange={(event) => change({ version: event.target.value })}>
              {versions.map(({ id, version, status }) => (
                <option key={id} value={id}>
                  {version} ({word(status)})
                </option>
              ))}
            </select>
          </label>
          <Link to={`/?workflow=${encodeURIComponent(name)}`}>Its executions</Link>
        </div>
        {shown.description && <p>{shown.description}</p>}
        <dl className="facts">
          {(
            [
              ['Status', word(shown.status)],
              ['Environment', word(shown.environment)],
              ['Priority', word(shown.priority)],
              ['Category', shown.category],
              ['Should take', shown.estimatedDuration && length(shown.estimatedDuration)],
              ['Created', <When key="created" at={shown.createdAt} />],
              ['By', shown.createdBy],
            ] as const
          ).map(
            ([term, value]) =>
              value && (
                <div key={term}>
                  <dt>{term}</dt>
                  <dd>{value}</dd>
                </div>
              ),
          )}
        </dl>
      </section>
      <Tabs tabs={TABS} chosen={tab} choose={(one) => change({ tab: one === 'definition' ? null : one })} />
      <div role="tabpanel" aria-labelledby={`tab-${tab}`} className="tabpanel">
        {tab === 'definition' && <Definition id={shown.id} versions={versions} other={parameters.get('with')} compare={(id) => change({ with: id })} />}
        {tab === 'durations' && <Durations name={name} />}
        {tab === 'steps' && <StepNumbers name={name} />}
        {tab === 'errors' && <Errors name={name} />}
      </div>
    </main>
  );
}

interface DefinitionProps {
  id: string;
  versions: readonly { id: string; version: string }[];
  other: string | null;
  compare: (id: string) => void;
}

function Definition({ id, versions, other, compare }: DefinitionProps) {
  const [parameters, change] = useParameters();
  const { data, error } = useQuery(WorkflowDefinition, { id });
  const compared = useQuery(WorkflowDefinition, other ? { id: other } : null);
  const workflow = data?.workflow;
  const graph = useMemo(() => graphOf([], workflow?.steps ?? []), [workflow]);
  if (error) return <Problem error={error} />;
  if (!workflow) return <Loading what="the definition" />;
  const before = other ? compared.data?.workflow : undefined;
  const nameOf = (id: string | null) => versions.find((one) => one.id === id)?.version ?? '';
  return (
    <div className="stack">
      {graph.nodes.size > 0 && (
        <section className="panel" aria-label="Graph">
          <Dag graph={graph} label="Graph of the definition" selected={parameters.get('step')} select={(step) => change({ step })} plain />
        </section>
      )}
      {versions.length > 1 && (
        <label>
          Differences from{' '}
          <select value={other ?? ''} onChange={(event) => compare(event.target.value)}>
            <option value="">no other version</option>
            {versions.filter((one) => one.id !== id).map((one) => (
              <option key={one.id} value={one.id}>
                {one.version}
              </option>
            ))}
          </select>
        </label>
      )}
      {before && (
        <section className="panel" aria-label="Differences">
          <Difference before={byKey(before.definition)} after={byKey(workflow.definition)} from={nameOf(other)} to={nameOf(id)} />
        </section>
      )}
      <section className="panel" aria-label="Text">
        <h2>Definition</h2>
        <Json value={workflow.definition} label="the definition" />
      </section>
    </div>
  );
}

/** Steps by their keys: a step that moved is no difference. */
function byKey(definition: Record<string, unknown>): Record<string, unknown> {
  const { steps } = definition;
  if (!Array.isArray(steps)) return definition;
  return { ...definition, steps: Object.fromEntries(steps.map((step: { key: string }) => [step.key, step])) };
}

const LINES = ['RUNNING', 'COMPLETED', 'TIMED_OUT', 'CANCELLED', 'PAUSED', 'FAILED'];

function Durations({ name }: { name: string }) {
  const zone = useZone();
  const { data, error } = useQuery(WorkflowDurations, { filter: { workflowName: { eq: name } }, bucket: 'PT6H' });
  const groups = data?.executionStats.groups.filter(({ duration, bucket }) => duration.p50 != null && bucket) ?? [];
  const versions = [...new Set(groups.map(({ version }) => version ?? ''))].slice(-LINES.length);
  const chart = useMemo(() => {
    const times = [...new Set(groups.map(({ bucket }) => Date.parse(bucket as string) / 1000))].sort((a, b) => a - b);
    const at = new Map(groups.map((group) => [`${group.version} ${Date.parse(group.bucket as string) / 1000}`, group]));
    const line = (version: string) => times.map((time) => { const p50 = at.get(`${version} ${time}`)?.duration.p50; return p50 == null ? null : seconds(p50); });
    return [times, ...versions.map(line)] as [number[], ...(number | null)[][]];
  }, [data]);
  if (error) return <Problem error={error} />;
  if (!data) return <Loading what="durations" />;
  if (!groups.length) return <p className="muted">Nothing was completed in the last 30 days.</p>;
  const { from, to } = data.executionStats;
  return (
    <section className="panel" aria-label="Durations">
      <h2>Median duration in seconds, by version, of the last 30 days</h2>
      <Chart
        label="Median duration over time by version"
        data={chart}
        height={260}
        zone={zone}
        axes={[{}, { size: 60 }]}
        scales={{ x: { time: true, range: () => [Date.parse(from) / 1000, Date.parse(to) / 1000] } }}
        series={versions.map((version, index) => ({ label: version, stroke: () => colour(LINES[index % LINES.length] as string), width: 1.5, spanGaps: true, points: { show: true, size: 6 } }))}
      />
      <p className="legend">
        {versions.map((version, index) => (
          <span key={version}>
            <svg width="14" height="8" aria-hidden="true">
              <line x1="0" x2="14" y1="4" y2="4" className={`line-${LINES[index % LINES.length]}`} />
            </svg>{' '}
            {version}
          </span>
        ))}
      </p>
    </section>
  );
}

function StepNumbers({ name }: { name: string }) {
  const orders: readonly (readonly [StepStatsOrder, string])[] = [
    ['SLOWEST', 'Slowest steps'],
    ['FLAKIEST', 'Flakiest steps'],
  ];
  return (
    <div className="columns">
      {orders.map(([order, title]) => (
        <StepTable key={order} name={name} order={order} title={title} />
      ))}
    </div>
  );
}

function StepTable({ name, order, title }: { name: string; order: StepStatsOrder; title: string }) {
  const { data, error } = useQuery(WorkflowSteps, { filter: { workflowName: { eq: name } }, orderBy: order });
  return (
    <section className="panel">
      <h2>{title}</h2>
      <Problem error={error} />
      <div className="scroll" tabIndex={0} role="region" aria-label={title}>
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col" className="right">Attempts</th>
              <th scope="col" className="right">Retries</th>
              <th scope="col" className="right">Failures</th>
              <th scope="col" className="right">p50</th>
              <th scope="col" className="right">p95</th>
            </tr>
          </thead>
          <tbody>
            {data?.stepStats.groups.map(({ key, attempts, retries, failureRate, duration }) => (
              <tr key={key}>
                <td className="clip">{key}</td>
                <td className="right number">{attempts}</td>
                <td className="right number">{retries}</td>
                <td className="right number">{failureRate == null ? '–' : `${(100 * failureRate).toFixed(0)} %`}</td>
                <td className="right number">{length(duration.p50)}</td>
                <td className="right number">{length(duration.p95)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Errors({ name }: { name: string }) {
  const filter = { workflowName: { eq: name } };
  const { data, error, reload } = useQuery(ErrorGroups, { filter, first: 30 });
  if (error) return <Problem error={error} retry={reload} />;
  if (!data) return <Loading what="errors" />;
  return <Groups groups={data.errorGroups} within={filter} />;
}
