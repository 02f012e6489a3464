import { expect, test } from 'vitest';
import { merged, roomy, squeezed, straight, ticks } from './scale';

const interval = (from: number, to: number) => ({ from, to });

test('a straight scale goes there and back', () => {
  const scale = straight(interval(100, 300));
  expect([scale.place(100), scale.place(200), scale.place(300)]).toEqual([0, 0.5, 1]);
  expect(scale.time(scale.place(123))).toBeCloseTo(123);
});

test('intervals that touch become one', () => {
  expect(merged([interval(5, 6), interval(0, 2), interval(2, 3), interval(1, 2)])).toEqual([interval(0, 3), interval(5, 6)]);
});

test('a night without work takes hardly any place', () => {
  const scale = squeezed([interval(0, 1_000), interval(1_000_000, 1_001_000)], interval(0, 1_001_000));
  expect(scale.idle).toEqual([interval(1_000, 1_000_000)]);
  expect(scale.place(1_000)).toBeGreaterThan(0.45);
  expect(scale.place(1_000_000)).toBeLessThan(0.55);
});

test('it goes there and back too, also beyond its ends', () => {
  const scale = squeezed([interval(10, 20), interval(500, 600)], interval(0, 1_000));
  for (const time of [-50, 0, 15, 300, 555, 1_000, 1_200]) expect(scale.time(scale.place(time))).toBeCloseTo(time);
});

test('order is kept', () => {
  const scale = squeezed([interval(3, 4), interval(50, 51), interval(50, 90)], interval(0, 100));
  const places = [0, 3, 3.5, 4, 20, 50, 70, 90, 100].map(scale.place);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect([places[0], places.at(-1)]).toEqual([0, 1]);
});

test('without any work, all of it is idle', () => {
  expect(squeezed([], interval(0, 1_000)).place(500)).toBeCloseTo(0.5);
});

test('ticks are round and few', () => {
  expect(ticks(70_000, 8)).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000]);
  expect(ticks(0, 8)).toEqual([0]);
});

test('a single moment has some time around it', () => {
  expect(roomy(1_000, 1_000)).toEqual([940, 1_060]);
  expect(roomy(1_000, 1_001)).toEqual([1_000, 1_001]);
});
