import { expect, test } from 'vitest';
import { size } from './sizes';

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1_000, '1 kB'],
  [999_600, '1 MB'],
  [1_536_000, '1.54 MB'],
  [123_456_789_012, '123 GB'],
])('%d bytes are %s', (bytes, said) => {
  expect(size(bytes)).toBe(said);
});
