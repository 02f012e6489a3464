/** How much ran when, over the whole time; dragging over it chooses what the timeline shows. */
import { useMemo, useRef } from 'react';
import { Canvas, type Surface } from '../../components/canvas';
import type { Interval } from '../../lib/scale';
import { ran } from './rows';
import type { StepRow } from './runs';

const PARTS = 240;

interface Props {
  attempts: readonly StepRow[];
  whole: Interval;
  now: number;
  range: Interval | null;
  choose: (range: Interval | null) => void;
}

/** How many attempts ran, and how many of them ended badly, in each part of the time. */
export function density(attempts: readonly StepRow[], whole: Interval, now: number): { all: number[]; bad: number[] } {
  const all = new Array<number>(PARTS + 1).fill(0);
  const bad = new Array<number>(PARTS).fill(0);
  const size = Math.max(1, whole.to - whole.from) / PARTS;
  const part = (time: number) => Math.min(PARTS - 1, Math.max(0, Math.floor((time - whole.from) / size)));
  for (const attempt of attempts) {
    const interval = ran(attempt, now);
    if (!interval) continue;
    const [first, last] = [part(interval.from), part(interval.to)];
    all[first] = (all[first] ?? 0) + 1;
    all[last + 1] = (all[last + 1] ?? 0) - 1;
    if (attempt.status === 'FAILED' || attempt.status === 'TIMED_OUT') bad[last] = (bad[last] ?? 0) + 1;
  }
  let running = 0;
  return { all: all.slice(0, PARTS).map((change) => (running += change)), bad };
}

export function Overview({ attempts, whole, now, range, choose }: Props) {
  const counts = useMemo(() => density(attempts, whole, now), [attempts, whole.from, whole.to, now]);
  const start = useRef<number | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const at = (clientX: number) => {
    const box = place.current?.getBoundingClientRect();
    const share = box ? Math.min(1, Math.max(0, (clientX - box.left) / box.width)) : 0;
    return whole.from + share * (whole.to - whole.from);
  };
  const paint = ({ context, width, height, colour }: Surface) => {
    const most = Math.max(1, ...counts.all);
    const wide = width / PARTS;
    context.fillStyle = colour('overview');
    counts.all.forEach((count, index) => count && context.fillRect(index * wide, height - (count / most) * (height - 4), wide + 0.5, height));
    context.fillStyle = colour('FAILED');
    counts.bad.forEach((count, index) => count && context.fillRect(index * wide, 0, Math.max(2, wide), 4));
    if (!range) return;
    const place = (time: number) => ((time - whole.from) / (whole.to - whole.from)) * width;
    context.fillStyle = colour('shade');
    context.fillRect(0, 0, place(range.from), height);
    context.fillRect(place(range.to), 0, width, height);
    context.strokeStyle = colour('accent');
    context.strokeRect(place(range.from) + 0.5, 0.5, place(range.to) - place(range.from), height - 1);
  };
  return (
    <div
      ref={place}
      className="overview"
      onPointerDown={(event) => {
        start.current = at(event.clientX);
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (start.current === null) return;
        const [from, to] = [start.current, at(event.clientX)].sort((a, b) => a - b) as [number, number];
        if (to - from > (whole.to - whole.from) / 500) choose({ from, to });
      }}
      onPointerUp={() => {
        start.current = null;
      }}
      onDoubleClick={() => choose(null)}
    >
      <Canvas draw={paint} label="How many steps ran over time; drag to choose a stretch, double-click for all" />
    </div>
  );
}
