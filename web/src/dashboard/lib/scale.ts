/** From time to place and back: straight, or with the times squeezed in which nothing ran. */

export interface Interval {
  from: number;
  to: number;
}

export interface Scale {
  /** 0 at the beginning, 1 at the end. */
  place: (time: number) => number;
  time: (place: number) => number;
  /** The squeezed stretches. */
  idle: Interval[];
}

/** What an idle stretch is left with, as a share of all busy time. */
const IDLE_SHARE = 0.02;

/** Times in proportion. */
export function straight({ from, to }: Interval): Scale {
  const size = Math.max(1, to - from);
  return { place: (time) => (time - from) / size, time: (place) => from + place * size, idle: [] };
}

/** The union of intervals, in their order. */
export function merged(intervals: readonly Interval[]): Interval[] {
  const found: Interval[] = [];
  for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
    const last = found.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else found.push({ from, to });
  }
  return found;
}

/** Times in which something ran in proportion; what lies between them is narrow, however long it was. */
export function squeezed(busy: readonly Interval[], within: Interval): Scale {
  const inside = merged(busy)
    .map(({ from, to }) => ({ from: Math.max(from, within.from), to: Math.min(to, within.to) }))
    .filter(({ from, to }) => to >= from);
  const work = inside.reduce((sum, { from, to }) => sum + to - from, 0);
  const narrow = Math.max(1, work * IDLE_SHARE);
  // The ends of stretches in time, and where each lies.
  const times = [within.from];
  const places = [0];
  const idle: Interval[] = [];
  const add = (to: number, size: number) => {
    times.push(to);
    places.push((places.at(-1) as number) + size);
  };
  for (const { from, to } of inside) {
    const last = times.at(-1) as number;
    if (from - last > narrow) idle.push({ from: last, to: from });
    if (from > last) add(from, Math.min(from - last, narrow));
    if (to > from) add(to, to - from);
  }
  const last = times.at(-1) as number;
  if (within.to - last > narrow) idle.push({ from: last, to: within.to });
  if (within.to > last) add(within.to, Math.min(within.to - last, narrow));
  const size = Math.max(1, places.at(-1) as number);
  return {
    place: (time) => between(times, places, time) / size,
    time: (place) => between(places, times, place * size),
    idle,
  };
}

/** Linear between known points, and beyond them at the same pace. */
function between(known: readonly number[], wanted: readonly number[], value: number): number {
  let low = 0;
  let high = known.length - 1;
  if (high < 1) return wanted[0] ?? 0;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((known[middle] as number) <= value) low = middle;
    else high = middle;
  }
  const [from, to] = [known[low] as number, known[high] as number];
  const [start, end] = [wanted[low] as number, wanted[high] as number];
  return to === from ? start : start + ((value - from) / (to - from)) * (end - start);
}

/** A range around what is shown: a minute on either side of a single moment, in seconds. */
export function roomy(low: number | null, high: number | null): [number, number] {
  if (low == null || high == null) return [0, 1];
  return low === high ? [low - 60, high + 60] : [low, high];
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5];

/** Round moments, in milliseconds after the beginning, at most `most` of them. */
export function ticks(span: number, most: number): number[] {
  const step = STEPS.find((size) => span / size <= most) ?? span / most;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step);
}
