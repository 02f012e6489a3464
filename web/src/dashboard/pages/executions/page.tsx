/** All executions: a live table, narrowed by what the address says. */
import { useCallback, useEffect, useMemo, useState } from 'react';
import { Problem, Loading } from '../../components/ui';
import { useNow } from '../../components/when';
import { ExecutionCount, ExecutionHistogram, Executions, type ExecutionOrderField, type ExecutionRowFragment, ExecutionsChanged } from '../../generated/graphql';
import { iso, seconds } from '../../lib/duration';
import { step, useKeys } from '../../lib/keys';
import { useFeed, useVisible } from '../../live';
import { useQuery, useThrottled } from '../../query';
import { useParameters } from '../../router';
import { useMay } from '../../viewer';
import { BulkCancel } from './bulk';
import { DEFAULT_WINDOW, bucketFor, filterOf } from './filter';
import { Filters } from './filters';
import { Histogram } from './histogram';
import { NoExecutions, NothingMatches } from './nothing';
import { ExecutionsTable } from './table';

const PAGE = 50;
const LOOK_MILLISECONDS = 10_000;

/** The page's arguments: forwards or backwards from a cursor. */
function window(parameters: URLSearchParams) {
  const before = parameters.get('before');
  if (before) return { last: PAGE, before };
  return { first: PAGE, after: parameters.get('after') ?? undefined };
}

/** How long a window of time is, in seconds; a month where all of time is meant. */
function span(parameters: URLSearchParams): number {
  const [from, to] = [parameters.get('from'), parameters.get('to')];
  if (from) return Math.max(60, ((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000);
  const size = seconds(parameters.get('window') ?? DEFAULT_WINDOW);
  return Number.isNaN(size) ? seconds(DEFAULT_WINDOW) : size;
}

export function ExecutionsPage() {
  const [parameters, change] = useParameters();
  const now = useNow();
  const mayWrite = useMay('WRITE');
  // The window moves with the clock, by minutes, while no page but the first is shown.
  const minute = Math.floor(now / 60_000);
  const filter = useMemo(() => filterOf(parameters, minute * 60_000), [parameters, minute]);
  const place = window(parameters);
  const order = (parameters.get('order') ?? 'CREATED_AT') as ExecutionOrderField;
  const orderBy = { field: order, direction: parameters.get('direction') === 'ASC' ? ('ASC' as const) : ('DESC' as const) };
  const bucket = bucketFor(span(parameters));

  const list = useQuery(Executions, { ...place, filter, orderBy });
  const count = useQuery(ExecutionCount, { filter });
  const histogram = useQuery(ExecutionHistogram, { filter, bucket: iso(bucket) });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());

  const recount = useThrottled(() => {
    count.reload();
    histogram.reload();
  }, 2_000);
  const relist = useThrottled(list.reload, 1_000);
  const onFirst = !parameters.get('after') && !parameters.get('before') && order === 'CREATED_AT' && orderBy.direction === 'DESC';
  const heard = useCallback(
    (items: { cursor: string; executionId: string; execution?: ExecutionRowFragment | null }[]) => {
      const changed = new Map(items.flatMap(({ execution }) => (execution ? [[execution.id, execution]] : [])));
      const gone = new Set(items.flatMap(({ executionId, execution }) => (execution ? [] : [executionId])));
      let strangers = gone.size > 0;
      list.change((data) => {
        const nodes = data.executions.nodes.filter(({ id }) => !gone.has(id)).map((row) => {
          const newer = changed.get(row.id);
          changed.delete(row.id);
          return newer ?? row;
        });
        strangers ||= changed.size > 0;
        return { ...data, executions: { ...data.executions, nodes } };
      });
      // Who is not in the table may belong there now, and who is there may not.
      if (onFirst && strangers) relist();
      else if (filter.status ?? filter.hasError) relist();
      recount();
    },
    [list.change, onFirst, filter, relist, recount],
  );
  // The feed takes conditions on executions as they are now; a moving window would only cut it again and again.
  // Nor conditions on what changes: who no longer fulfils them would never be heard of again.
  const followed = useMemo(() => {
    const { workflowName, workflowId, triggerType, correlationId, parentId } = filter;
    return { filter: { workflowName, workflowId, triggerType, correlationId, parentId } };
  }, [parameters]);
  useFeed(ExecutionsChanged, followed, heard, () => {
    list.reload();
    recount();
  });
  // The feed of all executions waits for the oldest open transaction of the database, which may be a long one.
  const visible = useVisible();
  useEffect(() => {
    if (!visible) return;
    const timer = setInterval(() => {
      relist();
      recount();
    }, LOOK_MILLISECONDS);
    return () => clearInterval(timer);
  }, [visible, relist, recount]);
  useKeys({
    j: () => step('.executions tbody a.row', 1),
    k: () => step('.executions tbody a.row', -1),
    '/': () => document.getElementById('filter-workflow')?.focus(),
  });

  const [back, on] = order !== 'DURATION' && orderBy.direction === 'DESC' ? ['Newer', 'Older'] : ['Previous', 'Next'];
  const rows = list.data?.executions.nodes;
  const page = list.data?.executions.pageInfo;
  const total = count.data?.executions;
  const narrowed = [...parameters.keys()].some((key) => !['order', 'direction', 'after', 'before'].includes(key));
  return (
    <main className="executions">
      <h1 className="visually-hidden">Executions</h1>
      <Filters parameters={parameters} change={change} />
      <section aria-label="Executions over time" className="panel histogram">
        {histogram.data && <Histogram stats={histogram.data.executionStats} bucket={bucket} chosen={(from, to) => change({ from, to, window: null, after: null, before: null }, { replace: false })} />}
      </section>
      <Problem error={list.error ?? count.error ?? histogram.error} retry={() => { list.reload(); recount(); }} />
      <div className="bar">
        <p className="count" aria-live="polite">
          {total && <><strong className="number">{total.totalCount.toLocaleString('en')}{total.totalCountIsExact ? '' : '+'}</strong> execution{total.totalCount === 1 ? '' : 's'}</>}
        </p>
        {mayWrite && <BulkCancel rows={(rows ?? []).filter(({ id }) => chosen.has(id))} done={() => { setChosen(new Set()); list.reload(); }} />}
      </div>
      {!rows && list.loading && <Loading what="executions" />}
      {rows && rows.length === 0 && (narrowed ? <NothingMatches clear={() => change(Object.fromEntries([...parameters.keys()].map((key) => [key, null])))} /> : <NoExecutions />)}
      {rows && rows.length > 0 && (
        <ExecutionsTable rows={rows} now={now} order={orderBy} sort={(field, direction) => change({ order: field, direction, after: null, before: null })} chosen={mayWrite ? chosen : null} choose={setChosen} />
      )}
      {page && (
        <nav className="pager" aria-label="Pages">
          <button type="button" disabled={!page.hasPreviousPage} onClick={() => change({ before: page.startCursor ?? null, after: null }, { replace: false })}>
            ← {back}
          </button>
          {!onFirst && (
            <button type="button" onClick={() => change({ before: null, after: null }, { replace: false })}>
              First page
            </button>
          )}
          <button type="button" disabled={!page.hasNextPage} onClick={() => change({ after: page.endCursor ?? null, before: null }, { replace: false })}>
            {on} →
          </button>
        </nav>
      )}
    </main>
  );
}
