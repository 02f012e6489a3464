/** Reported numbers as series over time, for each name and step. */

export interface Point {
  name: string;
  value: number;
  recordedAt: string;
  step?: { key: string } | null;
}

export interface Series {
  name: string;
  /** The steps that it is of; the empty name for the execution itself. */
  steps: string[];
  times: number[];
  /** For each step, a value or nothing at each of the times. */
  values: (number | null)[][];
}

/** How many steps of one name are told apart in a chart. */
export const MOST_LINES = 8;

/** A series for each name, in the order of names; its busiest steps only. */
export function seriesOf(points: readonly Point[]): Series[] {
  const byName = new Map<string, Map<string, Point[]>>();
  for (const point of points) {
    const steps = byName.get(point.name) ?? new Map<string, Point[]>();
    const key = point.step?.key ?? '';
    steps.set(key, [...(steps.get(key) ?? []), point]);
    byName.set(point.name, steps);
  }
  return [...byName].sort(([a], [b]) => a.localeCompare(b)).map(([name, steps]) => {
    const busiest = [...steps].sort(([, a], [, b]) => b.length - a.length).slice(0, MOST_LINES);
    const times = [...new Set(busiest.flatMap(([, own]) => own.map(({ recordedAt }) => Date.parse(recordedAt) / 1000)))].sort((a, b) => a - b);
    const at = new Map(times.map((time, index) => [time, index]));
    const values = busiest.map(([, own]) => {
      const line = times.map((): number | null => null);
      for (const { recordedAt, value } of own) line[at.get(Date.parse(recordedAt) / 1000) as number] = value;
      return line;
    });
    return { name, steps: busiest.map(([key]) => key), times, values };
  });
}

/** The numbers in a step's metrics, by their paths. */
export function numbers(metrics: unknown, path = ''): [string, number][] {
  if (typeof metrics === 'number') return [[path, metrics]];
  if (typeof metrics !== 'object' || metrics === null || Array.isArray(metrics)) return [];
  return Object.entries(metrics).flatMap(([key, value]) => numbers(value, path ? `${path}.${key}` : key));
}
