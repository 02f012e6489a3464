import { expect, test } from 'vitest';
import { tree } from './checkpointtree';

const checkpoint = (seq: number, parent?: number) => ({ id: `cp_${seq}`, seq, parent: parent === undefined ? null : { seq: parent } });

test('one line is one column', () => {
  const twigs = tree([checkpoint(1), checkpoint(2, 1), checkpoint(3, 2)]);
  expect(twigs.map(({ checkpoint, column }) => [checkpoint.seq, column])).toEqual([[3, 0], [2, 0], [1, 0]]);
});

test('what a recovery left behind stands aside', () => {
  const twigs = tree([checkpoint(1), checkpoint(2, 1), checkpoint(3, 2), checkpoint(4, 1), checkpoint(5, 4)]);
  expect(twigs.map(({ checkpoint, column }) => [checkpoint.seq, column])).toEqual([[5, 0], [4, 0], [3, 1], [2, 1], [1, 0]]);
  expect(twigs.map(({ through }) => through)).toEqual([[], [], [0], [0], []]);
});
