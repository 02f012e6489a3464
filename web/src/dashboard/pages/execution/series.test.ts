import { expect, test } from 'vitest';
import { numbers, seriesOf } from './series';

const point = (name: string, value: number, second: number, key?: string) => ({
  name,
  value,
  recordedAt: new Date(second * 1000).toISOString(),
  step: key === undefined ? null : { key },
});

test('each name has a line for each step, on one axis of time', () => {
  const [cpu, memory] = seriesOf([point('memory', 5, 1), point('cpu', 1, 1, 'a'), point('cpu', 2, 2, 'b'), point('cpu', 3, 3, 'a')]);
  expect(cpu).toEqual({ name: 'cpu', steps: ['a', 'b'], times: [1, 2, 3], values: [[1, null, 3], [null, 2, null]] });
  expect(memory).toEqual({ name: 'memory', steps: [''], times: [1], values: [[5]] });
});

test('only numbers are numbers', () => {
  expect(numbers({ cpu: 1, io: { read: 2, of: 'disk' }, list: [3], none: null })).toEqual([['cpu', 1], ['io.read', 2]]);
});
