import { expect, test } from 'vitest';
import { differences } from './difference';

test('only what differs, by path', () => {
  const before = { kept: [1, { a: 2 }], gone: 1, list: [1, 2], 'odd key': 1 };
  const after = { kept: [1, { a: 2 }], list: [1, 3, 4], 'odd key': '1', made: null };
  expect(differences(before, after)).toEqual([
    { path: 'list[1]', kind: 'changed', before: 2, after: 3 },
    { path: 'list[2]', kind: 'added', after: 4 },
    { path: '["odd key"]', kind: 'changed', before: 1, after: '1' },
    { path: 'made', kind: 'added', after: null },
    { path: 'gone', kind: 'removed', before: 1 },
  ]);
});

test('another kind of value is one change', () => {
  expect(differences({ a: [1] }, { a: { 0: 1 } })).toEqual([{ path: 'a', kind: 'changed', before: [1], after: { 0: 1 } }]);
});

test('a null is not a missing key', () => {
  expect(differences({ a: null }, {})).toEqual([{ path: 'a', kind: 'removed', before: null }]);
});

test('keys that objects have by nature are keys like others', () => {
  const odd = JSON.parse('{"__proto__": 1, "constructor": 2}');
  expect(differences({}, odd).map(({ path }) => path)).toEqual(['__proto__', 'constructor']);
});

test('values that are no objects', () => {
  expect(differences(1, 2)).toEqual([{ path: 'value', kind: 'changed', before: 1, after: 2 }]);
  expect(differences('x', 'x')).toEqual([]);
});
