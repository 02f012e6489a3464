/** uPlot as a component: loaded when the first chart is shown, as wide as its place, in the page's colours. */
import { useEffect, useRef } from 'react';
import type uPlot from 'uplot';
import { roomy } from '../lib/scale';
import { tickLabels } from '../lib/time';

export interface ChartProps {
  /** What it shows, for who can't see it. */
  label: string;
  data: uPlot.AlignedData;
  series: uPlot.Series[];
  height: number;
  axes?: uPlot.Axis[];
  scales?: uPlot.Scales;
  zone?: string;
  /** Called with two moments in seconds when a stretch was chosen by dragging. */
  chosen?: (from: number, to: number) => void;
}

/** A colour of the style sheet. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || '#888';
}

export function Chart({ label, data, series, height, axes, scales, zone, chosen }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const choose = useRef(chosen);
  choose.current = chosen;
  const newest = useRef(data);
  newest.current = data;
  const shape = JSON.stringify([series.map(({ label }) => label), height, zone]);

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    let gone = false;
    let drawn: uPlot | null = null;
    const draw = async () => {
      const [{ default: UPlot }] = await Promise.all([import('uplot'), import('uplot/dist/uPlot.min.css')]);
      if (gone) return;
      const grid = { stroke: colour('line'), width: 1 };
      const usual = { stroke: colour('muted'), grid, ticks: { ...grid, size: 4 }, font: '11px system-ui', gap: 4 };
      drawn?.destroy();
      drawn = new UPlot(
        {
          width: Math.max(120, element.clientWidth),
          height,
          series: [{}, ...series],
          legend: { show: false },
          cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
          scales: { x: { time: true, range: (_self, low, high) => roomy(low, high) }, ...scales },
          ...(zone && { tzDate: (seconds: number) => UPlot.tzDate(new Date(seconds * 1000), zone) }),
          axes: (axes ?? [{}, {}]).map((axis, index) => ({
            ...usual,
            ...(index === 0 && zone && { values: (_self: uPlot, times: number[]) => tickLabels(times, zone), space: 70, size: 26 }),
            ...axis,
          })),
          padding: [8, 26, 0, 0],
          hooks: {
            setSelect: [
              (self) => {
                if (self.select.width < 3) return;
                const from = self.posToVal(self.select.left, 'x');
                const to = self.posToVal(self.select.left + self.select.width, 'x');
                self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
                choose.current?.(from, to);
              },
            ],
          },
        },
        newest.current,
        element,
      );
      chart.current = drawn;
    };
    void draw();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    const observer = new ResizeObserver(() => drawn?.setSize({ width: Math.max(120, element.clientWidth), height }));
    observer.observe(element);
    return () => {
      gone = true;
      dark.removeEventListener('change', draw);
      observer.disconnect();
      drawn?.destroy();
      chart.current = null;
    };
  }, [shape]);

  useEffect(() => chart.current?.setData(data), [data]);

  return <div ref={place} className="chart" role="img" aria-label={label} style={{ minHeight: height }} />;
}
