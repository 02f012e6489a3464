/** All workflows by name, with how they did in the last 30 days. */
import { useMemo } from 'react';
import { Sparkline } from '../../components/sparkline';
import { word } from '../../components/status';
import { Link, Loading, Problem } from '../../components/ui';
import { Ago, useNow } from '../../components/when';
import { WorkflowList, type WorkflowListQuery, WorkflowNumbers, WorkflowTrends } from '../../generated/graphql';
import { length } from '../../lib/duration';
import { step, useKeys } from '../../lib/keys';
import { useQuery } from '../../query';
import { useParameters } from '../../router';
import { NoExecutions } from '../executions/nothing';

type Version = WorkflowListQuery['workflows']['nodes'][number];
const PAGE = 100;
const DAY = 86_400_000;

/** The versions by name, the newest of each first. */
export function byName(versions: readonly Version[]): Version[][] {
  const found = new Map<string, Version[]>();
  for (const version of versions) found.set(version.name, [...(found.get(version.name) ?? []), version]);
  return [...found.values()].map((own) => own.sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt)));
}

export function WorkflowsPage() {
  const [parameters, change] = useParameters();
  const now = useNow();
  const start = parameters.get('name');
  const list = useQuery(WorkflowList, { first: PAGE, after: parameters.get('after'), filter: start ? { name: { startsWith: start } } : null });
  const numbers = useQuery(WorkflowNumbers, { filter: start ? { workflowName: { startsWith: start } } : null });
  const workflows = useMemo(() => byName(list.data?.workflows.nodes ?? []), [list.data]);
  const trends = useQuery(WorkflowTrends, workflows.length ? { ids: workflows.flatMap((versions) => versions.map(({ id }) => id)).slice(0, PAGE) } : null);
  const stats = useMemo(() => new Map(numbers.data?.executionStats.groups.map((group) => [group.name, group])), [numbers.data]);
  const days = useMemo(() => trendsByName(trends.data?.nodes ?? []), [trends.data]);
  useKeys({ j: () => step('tbody a.row', 1), k: () => step('tbody a.row', -1), '/': () => document.getElementById('workflow-name')?.focus() });
  const page = list.data?.workflows.pageInfo;
  return (
    <main>
      <div className="bar">
        <h1>Workflows</h1>
        <input id="workflow-name" type="search" aria-label="Names that begin with" placeholder="Name begins with" defaultValue={start ?? ''} onChange={(event) => change({ name: event.target.value, after: null })} />
        <span className="muted">Numbers of the last 30 days</span>
      </div>
      <Problem error={list.error ?? numbers.error} retry={() => { list.reload(); numbers.reload(); }} />
      {!list.data && list.loading && <Loading what="workflows" />}
      {list.data && !workflows.length && (start ? <p className="muted">No name begins so.</p> : <NoExecutions />)}
      {workflows.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Table of workflows">
          <table className="list">
            <thead>
              <tr>
                <th scope="col">Workflow</th>
                <th scope="col">Versions</th>
                <th scope="col">Status</th>
                <th scope="col">Environment</th>
                <th scope="col" className="right">Executions</th>
                <th scope="col" className="right">Success</th>
                <th scope="col" className="right">p50</th>
                <th scope="col" className="right">p95</th>
                <th scope="col">By day</th>
                <th scope="col">Changed</th>
              </tr>
            </thead>
            <tbody>
              {workflows.map(([newest, ...others]) => {
                if (!newest) return null;
                const own = stats.get(newest.name);
                const trend = days.get(newest.name);
                return (
                  <tr key={newest.id}>
                    <td className="wide">
                      <Link to={`/workflows/${encodeURIComponent(newest.name)}`} className="row">
                        {newest.name}
                      </Link>
                      {newest.description && <div className="about" title={newest.description}>{newest.description}</div>}
                    </td>
                    <td>
                      <span className="version">{newest.version}</span> {others.length > 0 && <span className="muted number">+ {others.length}</span>}
                    </td>
                    <td>{word(newest.status)}</td>
                    <td>{word(newest.environment)}</td>
                    <td className="right number">{own?.count ?? 0}</td>
                    <td className="right number">{own?.successRate == null ? '–' : `${(100 * own.successRate).toFixed(own.successRate > 0.99 && own.successRate < 1 ? 2 : 0)} %`}</td>
                    <td className="right number">{length(own?.duration.p50)}</td>
                    <td className="right number">{length(own?.duration.p95)}</td>
                    <td>{trend && <Sparkline {...trend} size={DAY} label={`Executions of ${newest.name} by day`} />}</td>
                    <td>
                      <Ago at={newest.updatedAt} now={now} />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {page && (page.hasNextPage || parameters.get('after')) && (
        <nav className="pager" aria-label="Pages">
          <button type="button" disabled={!parameters.get('after')} onClick={() => change({ after: null }, { replace: false })}>
            First page
          </button>
          <button type="button" disabled={!page.hasNextPage} onClick={() => change({ after: page.endCursor ?? null }, { replace: false })}>
            More →
          </button>
        </nav>
      )}
    </main>
  );
}

interface Trend {
  from: number;
  to: number;
  bars: { time: number; value: number; bad: number }[];
}

/** Days of all versions of a name together. */
function trendsByName(nodes: readonly unknown[]): Map<string, Trend> {
  const found = new Map<string, Trend>();
  type Node = { name: string; stats: { from: string; to: string; groups: { bucket?: string | null; count: number; failureRate?: number | null }[] } };
  for (const node of nodes as (Node | null)[]) {
    if (!node) continue;
    const trend = found.get(node.name) ?? { from: Date.parse(node.stats.from), to: Date.parse(node.stats.to), bars: [] };
    for (const { bucket, count, failureRate } of node.stats.groups) {
      const time = Date.parse(bucket ?? '');
      const bar = trend.bars.find((one) => one.time === time);
      const bad = failureRate ?? 0;
      if (!bar) trend.bars.push({ time, value: count, bad });
      else {
        bar.bad = (bar.bad * bar.value + bad * count) / (bar.value + count);
        bar.value += count;
      }
    }
    found.set(node.name, trend);
  }
  return found;
}
