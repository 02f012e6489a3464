import { expect, test } from 'vitest';
import { BLOCK, LogStore } from './logstore';

const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => ({ seq: from + index }));

test('what was added is found, what was not is missing', () => {
  const store = new LogStore();
  store.add(lines(1, 10));
  expect([store.get(10)?.seq, store.get(11)]).toEqual([10, undefined]);
  expect(store.missing(1, 10, 10)).toEqual([]);
  expect(store.missing(1, 10, 11)).toEqual([0]);
});

test('a block with lines that are gone is asked for once', () => {
  const store = new LogStore();
  store.fill(0, lines(5, BLOCK), 10_000);
  expect(store.missing(1, BLOCK + 1, 10_000)).toEqual([1]);
});

test('a million lines are held by a bounded number of blocks', () => {
  const store = new LogStore();
  for (let number = 0; number < 2_000; number += 1) store.fill(number, lines(number * BLOCK + 1, (number + 1) * BLOCK), 1_000_000);
  expect(store.get(1)).toBeUndefined();
  expect(store.get(1_000_000)?.seq).toBe(1_000_000);
  expect(store.missing(1, 10, 1_000_000)).toEqual([0]);
});

test('nothing is missing of nothing', () => {
  expect(new LogStore().missing(1, 50, 0)).toEqual([]);
});
