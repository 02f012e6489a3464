/** What was measured: numbers over time as they were reported, and what steps say of their resources. */
import { useEffect, useMemo, useState } from 'react';
import { type ApiError, ask } from '../../api';
import { Chart, colour } from '../../components/chart';
import { Empty, Loading, Problem } from '../../components/ui';
import { MetricPoints, type MetricPointsQuery, StepMetrics } from '../../generated/graphql';
import { useZone } from '../../lib/preferences';
import { useQuery } from '../../query';
import { type Series, numbers, seriesOf } from './series';

type Point = NonNullable<MetricPointsQuery['execution']>['metrics']['points']['nodes'][number];
const LINES = ['RUNNING', 'COMPLETED', 'TIMED_OUT', 'CANCELLED', 'PAUSED', 'FAILED', 'PENDING', 'accent'];
const MOST_POINTS = 20_000;
const ROWS = 50;

export function MetricsTab({ id }: { id: string }) {
  const [points, setPoints] = useState<Point[] | null>(null);
  const [error, setError] = useState<ApiError>();
  const steps = useQuery(StepMetrics, { id });
  useEffect(() => {
    let gone = false;
    const load = async () => {
      const all: Point[] = [];
      for (let after: string | null | undefined = null, more = true; more && !gone && all.length < MOST_POINTS; ) {
        const { execution }: MetricPointsQuery = await ask(MetricPoints, { id, after });
        all.push(...(execution?.metrics.points.nodes ?? []));
        more = execution?.metrics.points.pageInfo.hasNextPage ?? false;
        after = execution?.metrics.points.pageInfo.endCursor;
      }
      if (!gone) setPoints(all);
    };
    load().catch((problem: ApiError) => !gone && setError(problem));
    return () => {
      gone = true;
    };
  }, [id]);
  const series = useMemo(() => seriesOf(points ?? []), [points]);
  const rows = useMemo(
    () => (steps.data?.execution?.steps.nodes ?? []).map(({ id, key, metrics }) => ({ id, key, found: new Map(numbers(metrics)) })).filter(({ found }) => found.size > 0),
    [steps.data],
  );
  if (error ?? steps.error) return <Problem error={error ?? steps.error} retry={steps.reload} />;
  if (!points || !steps.data) return <Loading what="metrics" />;
  if (!points.length && !rows.length) {
    return (
      <Empty title="Nothing was measured">
        <p>
          Engines report numbers with <code>recordMetrics</code>, and what a step took in the <code>metrics</code> of <code>finishStep</code> or <code>commitStep</code>.
        </p>
      </Empty>
    );
  }
  return (
    <div className="stack">
      <div className="columns">
        {series.map((one) => (
          <SeriesChart key={one.name} series={one} />
        ))}
      </div>
      {rows.length > 0 && <Resources rows={rows} />}
    </div>
  );
}

function SeriesChart({ series }: { series: Series }) {
  const zone = useZone();
  const data = useMemo(() => [series.times, ...series.values] as [number[], ...(number | null)[][]], [series]);
  const single = series.times.length === 1;
  return (
    <section className="panel">
      <h2>{series.name}</h2>
      <Chart
        label={`${series.name} over time`}
        data={data}
        height={150}
        zone={zone}
        series={series.steps.map((step, index) => ({
          label: step || 'execution',
          stroke: () => colour(LINES[index % LINES.length] as string),
          width: 1.5,
          spanGaps: true,
          points: { show: single || series.times.length < 40, size: 5 },
        }))}
        axes={[{}, { size: 60 }]}
      />
      <p className="legend">
        {series.steps.map((step, index) => (
          <span key={step}>
            <svg width="14" height="8" aria-hidden="true">
              <line x1="0" x2="14" y1="4" y2="4" className={`line-${LINES[index % LINES.length]}`} />
            </svg>{' '}
            {step || 'the execution itself'}
          </span>
        ))}
      </p>
    </section>
  );
}

interface Row {
  id: string;
  key: string;
  found: Map<string, number>;
}

function Resources({ rows }: { rows: readonly Row[] }) {
  const names = useMemo(() => [...new Set(rows.flatMap(({ found }) => [...found.keys()]))].slice(0, 8), [rows]);
  const [by, setBy] = useState(names[0] ?? '');
  const sorted = useMemo(() => [...rows].sort((a, b) => (b.found.get(by) ?? -Infinity) - (a.found.get(by) ?? -Infinity)), [rows, by]);
  const most = Math.max(...sorted.map(({ found }) => found.get(by) ?? 0), 0);
  return (
    <section className="panel" aria-label="What steps took">
      <h2>What steps took</h2>
      <div className="scroll" tabIndex={0} role="region" aria-label="Resources by step">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Step</th>
              {names.map((name) => (
                <th key={name} scope="col" className="right" aria-sort={name === by ? 'descending' : 'none'}>
                  <button type="button" className="quiet" onClick={() => setBy(name)}>
                    {name} {name === by ? '↓' : ''}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, ROWS).map(({ id, key, found }) => (
              <tr key={id}>
                <td className="clip">{key}</td>
                {names.map((name) => (
                  <td key={name} className="right number">
                    {name === by && most > 0 && (
                      <svg className="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                        <rect width={(100 * (found.get(name) ?? 0)) / most} height="6" />
                      </svg>
                    )}
                    {found.get(name)?.toLocaleString('en', { maximumFractionDigits: 3 }) ?? '–'}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > ROWS && <p className="muted">The {ROWS} largest of {rows.length}.</p>}
    </section>
  );
}
