import { expect, test } from 'vitest';
import { isAfter, noted, seen } from './position';

test('positions are numbers, not texts', () => {
  expect(isAfter('0/10000000', '0/F000000')).toBe(true);
  expect(isAfter('10/0', 'F/FFFFFFFF')).toBe(true);
  expect(isAfter('F/FFFFFFFF', '10/0')).toBe(false);
  expect(isAfter('1/A', '1/A')).toBe(false);
});

test('the furthest position that was heard of is asked for', () => {
  noted(undefined);
  expect(seen()).toBeUndefined();
  for (const position of ['0/10000000', '0/F000000', 7, undefined]) noted({ position });
  expect(seen()).toEqual({ after: '0/10000000' });
});
