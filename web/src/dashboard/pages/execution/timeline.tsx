/** When which step ran: rows as text that can be reached by keyboard, bars on a canvas behind them. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef, useState } from 'react';
import { Canvas, type Surface } from '../../components/canvas';
import { STEP_STATUSES, Shape, word } from '../../components/status';
import { Loading, Problem } from '../../components/ui';
import type { ExecutionHeadFragment, StepStatus } from '../../generated/graphql';
import { spoken } from '../../lib/duration';
import { step, useKeys } from '../../lib/keys';
import { type Interval, type Scale, squeezed, straight, ticks } from '../../lib/scale';
import { Overview } from './overview';
import { type Line, lines, ran } from './rows';
import type { Steps } from './steps';

const ROW = 26;
const LEAST_BAR = 3;
const RULER = 22;

interface Props {
  steps: Steps;
  now: number;
  execution: ExecutionHeadFragment;
  selected: string | null;
  select: (key: string | null) => void;
}

export function Timeline({ steps, now, execution, selected, select }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const redraw = useRef(() => {});
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [only, setOnly] = useState<string | null>(null);
  const [squeeze, setSqueeze] = useState(false);
  const [range, setRange] = useState<Interval | null>(null);

  const shown = useMemo(() => lines(steps.runs, open, only), [steps.runs, open, only]);
  const all = useMemo(() => steps.runs.flatMap(({ attempts }) => attempts), [steps.runs]);
  const going = execution.completedAt == null;
  const until = going ? now : Date.parse(execution.completedAt as string);
  const whole = useMemo((): Interval => {
    let from = Date.parse(execution.startedAt ?? execution.createdAt);
    let to = Math.max(from + 1, until);
    for (const attempt of all) {
      const interval = ran(attempt, until);
      if (interval) [from, to] = [Math.min(from, interval.from), Math.max(to, interval.to)];
    }
    return { from, to };
  }, [all, execution.startedAt, execution.createdAt, until]);
  const within = range ?? whole;
  const scale = useMemo(
    () => (squeeze ? squeezed(all.flatMap((attempt) => ran(attempt, until) ?? []), within) : straight(within)),
    [squeeze, all, within.from, within.to, until],
  );
  const virtual = useVirtualizer({ count: shown.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 12 });
  const counts = useMemo(() => {
    const found = new Map<StepStatus, number>();
    for (const { last } of steps.runs) found.set(last.status, (found.get(last.status) ?? 0) + 1);
    return found;
  }, [steps.runs]);

  const toggle = (name: string) => {
    const next = new Set(open);
    if (!next.delete(name)) next.add(name);
    setOpen(next);
  };
  // A step that was chosen elsewhere is brought into sight.
  useEffect(() => {
    if (!selected) return;
    const at = shown.findIndex((line) => line.kind === 'step' && line.runs.key === selected);
    if (at >= 0) return virtual.scrollToIndex(at, { align: 'auto' });
    const group = shown.find((line) => line.kind === 'group' && line.members.some(({ key }) => key === selected));
    if (group?.kind === 'group' && !group.open) setOpen((open) => new Set(open).add(group.name));
  }, [selected, shown.length]);
  useKeys({ j: () => step('.timeline .line', 1), k: () => step('.timeline .line', -1) });

  const zoom = (factor: number, at = 0.5) => {
    const centre = scale.time(at);
    const size = Math.max(1, (within.to - within.from) * factor);
    if (size >= whole.to - whole.from) return setRange(null);
    const from = Math.min(Math.max(whole.from, centre - size * at), whole.to - size);
    setRange({ from, to: from + size });
  };
  const paint = (surface: Surface) => draw(surface, shown, scale, within, until, scroller.current?.scrollTop ?? 0, selected);

  if (steps.error && !steps.runs.length) return <Problem error={steps.error} />;
  if (!steps.runs.length) return steps.complete ? <p className="muted">No step has been recorded yet.</p> : <Loading what="steps" />;
  return (
    <section className="timeline panel" aria-label="Timeline">
      <div className="bar">
        <div className="choices" role="group" aria-label="Only steps with this status">
          {STEP_STATUSES.filter((status) => counts.has(status)).map((status) => (
            <button key={status} type="button" className="choice" aria-pressed={only === status} onClick={() => setOnly(only === status ? null : status)}>
              <Shape status={status} /> <span className="number">{counts.get(status)}</span> {word(status)}
            </button>
          ))}
        </div>
        <span className="grow" />
        {!steps.complete && <span className="muted number">{steps.attempts} attempts so far…</span>}
        <label className="check">
          <input type="checkbox" checked={squeeze} onChange={(event) => setSqueeze(event.target.checked)} /> Squeeze idle time
        </label>
        <button type="button" className="quiet" aria-label="Zoom in" onClick={() => zoom(0.5)}>
          +
        </button>
        <button type="button" className="quiet" aria-label="Zoom out" onClick={() => zoom(2)}>
          −
        </button>
        <button type="button" className="quiet" disabled={!range} onClick={() => setRange(null)}>
          Whole time
        </button>
      </div>
      <Overview attempts={all} whole={whole} now={until} range={range} choose={setRange} />
      <div
        ref={scroller}
        className="lanes"
        tabIndex={-1}
        style={{ height: `min(max(320px, 100vh - 340px), ${shown.length * ROW + RULER + 4}px)` }}
        onScroll={() => redraw.current()}
        onWheel={(event) => {
          if (!event.ctrlKey) return;
          const box = event.currentTarget.querySelector('canvas')?.getBoundingClientRect();
          if (box) zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
        }}
      >
        <div className="sticky">
          <Canvas draw={paint} again={redraw} />
        </div>
        <ol style={{ height: virtual.getTotalSize() + RULER }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const line = shown[index] as Line;
            return line.kind === 'group' ? (
              <li key={`g ${line.name}`} style={{ transform: `translateY(${start + RULER}px)` }}>
                <button type="button" className="line group" aria-expanded={line.open} onClick={() => toggle(line.name)}>
                  <span className="label">
                    {line.open ? '▾' : '▸'} <span className="name"><bdi>{line.name}</bdi></span> <span className="muted number">× {line.members.length}</span>
                    <GroupStatuses line={line} />
                  </span>
                </button>
              </li>
            ) : (
              <li key={line.runs.key} style={{ transform: `translateY(${start + RULER}px)` }}>
                <button
                  type="button"
                  className={`line${line.inGroup ? ' within' : ''}`}
                  aria-pressed={line.runs.key === selected}
                  onClick={() => select(line.runs.key === selected ? null : line.runs.key)}
                >
                  <span className="label">
                    <Shape status={line.runs.last.status} />
                    <span className="visually-hidden">{word(line.runs.last.status)}</span>
                    <span className="name"><bdi>{line.runs.key}</bdi></span>
                    {line.runs.attempts.length > 1 && <span className="muted number">× {line.runs.attempts.length}</span>}
                  </span>
                </button>
              </li>
            );
          })}
        </ol>
      </div>
    </section>
  );
}

function GroupStatuses({ line }: { line: Extract<Line, { kind: 'group' }> }) {
  const bad = line.members.filter(({ last }) => last.status === 'FAILED' || last.status === 'TIMED_OUT').length;
  const running = line.members.filter(({ last }) => last.status === 'RUNNING').length;
  return (
    <>
      {bad > 0 && (
        <span className="s-FAILED number">
          <Shape status="FAILED" /> {bad} failed
        </span>
      )}
      {running > 0 && (
        <span className="s-RUNNING number">
          <Shape status="RUNNING" /> {running} running
        </span>
      )}
    </>
  );
}

/** The ruler, and the bars of the rows in sight. */
function draw({ context, width, height, colour }: Surface, shown: readonly Line[], scale: Scale, within: Interval, now: number, top: number, selected: string | null): void {
  const x = (time: number) => scale.place(time) * width;
  context.font = '11px system-ui, sans-serif';
  context.textBaseline = 'middle';
  for (const { from, to } of scale.idle) {
    context.fillStyle = colour('idle');
    context.fillRect(x(from), 0, Math.max(2, x(to) - x(from)), height);
  }
  context.strokeStyle = colour('line');
  context.lineWidth = 1;
  let free = 0;
  for (const after of ticks(within.to - within.from, Math.max(2, width / 90))) {
    const at = Math.round(x(within.from + after)) + 0.5;
    const text = after === 0 ? '0' : spoken(after / 1000);
    context.beginPath();
    context.moveTo(at, RULER - 4);
    context.lineTo(at, height);
    context.stroke();
    const wide = context.measureText(text).width;
    if (at + 3 < free || at + 3 + wide > width) continue;
    context.fillStyle = colour('muted');
    context.fillText(text, at + 3, RULER / 2);
    free = at + wide + 12;
  }
  context.save();
  context.beginPath();
  context.rect(0, RULER, width, height - RULER);
  context.clip();
  const first = Math.max(0, Math.floor(top / ROW));
  const last = Math.min(shown.length, Math.ceil((top + height) / ROW));
  for (let index = first; index < last; index += 1) {
    const line = shown[index] as Line;
    const y = RULER + index * ROW - top;
    if (line.kind === 'group') drawGroup(context, line, x, y, now, width, colour);
    else {
      if (line.runs.key === selected) {
        context.fillStyle = colour('selected');
        context.fillRect(0, y, width, ROW);
      }
      for (const attempt of line.runs.attempts) {
        const interval = ran(attempt, now);
        if (!interval) continue;
        bar(context, x(interval.from), x(interval.to), y + 6, ROW - 12, width, colour(attempt.status), attempt.completedAt ? spoken((interval.to - interval.from) / 1000) : '', colour('muted'));
      }
    }
  }
  context.restore();
}

function bar(context: CanvasRenderingContext2D, from: number, to: number, y: number, high: number, width: number, fill: string, text: string, ink: string): void {
  if (to < 0 || from > width) return;
  const wide = Math.max(LEAST_BAR, to - from);
  context.fillStyle = fill;
  context.beginPath();
  context.roundRect(from, y, wide, high, Math.min(3, wide / 2));
  context.fill();
  if (!text) return;
  const room = context.measureText(text).width + 6;
  context.fillStyle = ink;
  if (from + wide + room < width) context.fillText(text, from + wide + 5, y + high / 2);
}

/** All members of a group in one row, the ones that ended badly above the others. */
function drawGroup(context: CanvasRenderingContext2D, line: Extract<Line, { kind: 'group' }>, x: (time: number) => number, y: number, now: number, width: number, colour: (name: string) => string): void {
  // Bars that fall on the same pixels are drawn once: 10,000 of them look the same as the few that differ.
  for (const bad of [false, true]) {
    let covered = -1;
    for (const { attempts } of line.members) {
      for (const attempt of attempts) {
        if ((attempt.status === 'FAILED' || attempt.status === 'TIMED_OUT') !== bad) continue;
        const interval = ran(attempt, now);
        if (!interval) continue;
        const [from, to] = [x(interval.from), Math.max(x(interval.from) + LEAST_BAR, x(interval.to))];
        if (to <= covered || to < 0 || from > width) continue;
        covered = to;
        context.globalAlpha = bad ? 1 : 0.65;
        context.fillStyle = colour(attempt.status);
        context.fillRect(from, y + 9, to - from, ROW - 18);
      }
    }
  }
  context.globalAlpha = 1;
}
