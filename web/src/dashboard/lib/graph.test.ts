import { describe, expect, test } from 'vitest';
import { folded, stem } from './folding';
import { layered } from './layering';

const node = (key: string, ...dependsOn: string[]) => ({ key, dependsOn });

describe('layers', () => {
  test('a node lies one below the longest path to it', () => {
    const { layers } = layered([node('d', 'a', 'c'), node('a'), node('b', 'a'), node('c', 'b')]);
    expect(layers).toEqual([['a'], ['b'], ['c'], ['d']]);
  });

  test('neighbours stand below each other', () => {
    const { layers } = layered([node('a'), node('b'), node('x', 'b'), node('y', 'a')]);
    expect(layers).toEqual([['a', 'b'], ['y', 'x']]);
  });

  test('circles and keys of nothing lose an edge, and no node', () => {
    const { layers, edges, dropped } = layered([node('a', 'b'), node('b', 'a'), node('c', 'missing', 'c', 'b')]);
    expect(layers.flat().sort()).toEqual(['a', 'b', 'c']);
    expect(edges).toEqual([['a', 'b'], ['b', 'c']]);
    expect(dropped).toBe(3);
  });

  test('10,000 nodes in a chain of fans take linear time', () => {
    const nodes = Array.from({ length: 10_000 }, (_, n) => node(`n${n}`, ...(n < 100 ? [] : [`n${n - 100}`, `n${n - (n % 100) - 100}`])));
    const { layers } = layered(nodes);
    expect(layers.length).toBe(100);
    expect(layers.every((layer) => layer.length === 100)).toBe(true);
  });

  test('nothing has no layers', () => {
    expect(layered([])).toEqual({ layers: [], edges: [], dropped: 0 });
  });
});

describe('folding', () => {
  test.each([
    ['resize_17', 'resize'],
    ['resize[3]', 'resize'],
    ['a.b.12', 'a.b'],
    ['ID0000042', 'ID'],
    ['publish', 'publish'],
    ['42', '42'],
  ])('%s is of %s', (key, expected) => {
    expect(stem(key)).toBe(expected);
  });

  test('groups keep the order of their first members', () => {
    const steps = ['b_1', 'a_1', 'b_2'].map((key) => ({ key, type: 'task' }));
    expect(folded(steps).map(({ name, members }) => [name, members.length])).toEqual([['b', 2], ['a', 1]]);
  });

  test('keys that tell nothing are folded by type', () => {
    const steps = Array.from({ length: 60 }, (_, n) => ({ key: `k${String.fromCharCode(97 + (n % 26))}${'x'.repeat(n)}`, type: n % 2 ? 'map' : 'task' }));
    expect(folded(steps).map(({ name }) => name)).toEqual(['task', 'map']);
  });
});
