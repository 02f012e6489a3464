/** A small line of bars: how a number went over time. */

export interface Bar {
  time: number;
  value: number;
  /** The part of it that was bad, 0 to 1. */
  bad?: number;
}

interface Props {
  bars: readonly Bar[];
  from: number;
  to: number;
  /** The time that one bar stands for. */
  size: number;
  label: string;
}

export function Sparkline({ bars, from, to, size, label }: Props) {
  const first = Math.floor(from / size) * size;
  const many = Math.max(1, Math.floor(to / size) - first / size + 1);
  const most = Math.max(1, ...bars.map(({ value }) => value));
  return (
    <svg className="sparkline" viewBox={`0 0 ${many} 20`} preserveAspectRatio="none" role="img" aria-label={label}>
      {bars.map(({ time, value, bad = 0 }) => {
        const x = (time - first) / size;
        const high = (value / most) * 20;
        return (
          <g key={time}>
            <rect className="good" x={x + 0.08} y={20 - high} width="0.84" height={high * (1 - bad)} />
            {bad > 0 && <rect className="bad" x={x + 0.08} y={20 - high * bad} width="0.84" height={Math.max(high * bad, 1)} />}
          </g>
        );
      })}
    </svg>
  );
}
