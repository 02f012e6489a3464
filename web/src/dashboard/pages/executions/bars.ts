/** Bars for uPlot, whose own builder is only there once it was loaded. */
import type uPlot from 'uplot';

/** Paths of bars that fill their bucket but for a pixel. */
const bars: uPlot.Series.PathBuilder = (self, series, from, to) => {
  const fill = new Path2D();
  const x = self.data[0];
  const y = self.data[series];
  if (!y) return null;
  const spacing = x.length > 1 ? (x[1] as number) - (x[0] as number) : (self.scales['x']?.max ?? 1) - (self.scales['x']?.min ?? 0);
  const floor = self.valToPos(0, 'y', true);
  for (let index = from; index <= to; index += 1) {
    const value = y[index];
    if (!value) continue;
    const left = self.valToPos((x[index] as number) - spacing / 2, 'x', true);
    const right = self.valToPos((x[index] as number) + spacing / 2, 'x', true);
    const top = self.valToPos(value, 'y', true);
    fill.rect(left + 0.5, top, Math.max(1, right - left - 1), floor - top);
  }
  return { fill, stroke: null, flags: 1 };
};

export default bars;
