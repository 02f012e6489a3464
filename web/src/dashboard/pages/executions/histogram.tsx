/** How many executions were created when, by status; dragging over it narrows the list to that time. */
import { useMemo } from 'react';
import bars from './bars';
import { Chart, colour } from '../../components/chart';
import { STATUSES, word } from '../../components/status';
import type { ExecutionHistogramQuery, ExecutionStatus } from '../../generated/graphql';
import { useZone } from '../../lib/preferences';

type Stats = ExecutionHistogramQuery['executionStats'];

/** The counts of each bucket by status, each on top of those before it. */
export function stacked(stats: Stats, bucket: number): { times: number[]; sums: Map<ExecutionStatus, number[]>; total: number } {
  const first = Math.floor(Date.parse(stats.from) / 1000 / bucket) * bucket;
  const last = Math.floor(Date.parse(stats.to) / 1000 / bucket) * bucket;
  const times = Array.from({ length: Math.max(1, (last - first) / bucket + 1) }, (_, index) => first + index * bucket);
  const sums = new Map<ExecutionStatus, number[]>();
  let below = times.map(() => 0);
  let total = 0;
  for (const status of STATUSES) {
    const counts = [...below];
    for (const group of stats.groups) {
      if (group.status !== status || !group.bucket) continue;
      const index = (Date.parse(group.bucket) / 1000 - first) / bucket;
      counts[index] = (counts[index] ?? 0) + group.count;
      total += group.count;
    }
    sums.set(status, counts);
    below = counts;
  }
  return { times, sums, total };
}

export function Histogram({ stats, bucket, chosen }: { stats: Stats; bucket: number; chosen: (from: string, to: string) => void }) {
  const zone = useZone();
  const { times, sums, total } = useMemo(() => stacked(stats, bucket), [stats, bucket]);
  // The tallest sums are drawn first, so that each status shows only its own part.
  const shown = [...STATUSES].reverse();
  const data = useMemo(
    () => [times.map((time) => time + bucket / 2), ...shown.map((status) => sums.get(status) as number[])] as [number[], ...number[][]],
    [times, sums],
  );
  const series = shown.map((status) => ({ label: word(status), fill: () => colour(status), stroke: () => colour(status), width: 0, paths: bars, points: { show: false } }));
  const first = times[0] as number;
  const end = (times.at(-1) as number) + bucket;
  return (
    <Chart
      label={`${total} executions by the time of their creation and status; drag to choose a time`}
      data={data}
      series={series}
      height={110}
      zone={zone}
      axes={[{}, { size: 44, space: 24, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000, 1_000_000] }]}
      scales={{ x: { time: true, range: () => [first, end] }, y: { range: (_self, _low, high) => [0, Math.max(1, high * 1.08)] } }}
      chosen={(from, to) => {
        const low = Math.floor(from / bucket) * bucket;
        const high = Math.ceil(to / bucket) * bucket;
        chosen(new Date(low * 1000).toISOString(), new Date(high * 1000).toISOString());
      }}
    />
  );
}
