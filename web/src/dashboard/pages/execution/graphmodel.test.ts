import { expect, test } from 'vitest';
import { beside, graphOf } from './graphmodel';
import { byStep } from './runs';
import type { StepRow } from './runs';

let seq = 0;
function row(key: string, given: Partial<StepRow> = {}): StepRow {
  seq += 1;
  return { id: key, seq, key, attempt: 1, name: key, type: 'task', status: 'COMPLETED', dependsOn: [], createdAt: '', ...given };
}

test('what the definition knows and nobody started yet is pending', () => {
  const graph = graphOf(byStep([row('a')]), [
    { key: 'a', type: 'task', dependsOn: [] },
    { key: 'b', type: 'task', dependsOn: ['a'] },
  ]);
  expect([graph.nodes.get('a')?.status, graph.nodes.get('b')?.status]).toEqual(['COMPLETED', 'PENDING']);
  expect(graph.edges).toEqual([['a', 'b']]);
});

test('the last attempt tells the status', () => {
  const graph = graphOf(byStep([row('a', { status: 'FAILED' }), row('a', { attempt: 2 })]), []);
  expect(graph.nodes.get('a')?.status).toBe('COMPLETED');
});

test('above a thousand steps, nodes are groups with counts', () => {
  const steps = Array.from({ length: 2_000 }, (_, n) => row(`part_${n}`, { dependsOn: ['start'], status: n === 7 ? 'FAILED' : 'COMPLETED' }));
  const graph = graphOf(byStep([row('start'), ...steps, row('end', { dependsOn: steps.map(({ key }) => key) })]), []);
  expect([...graph.nodes.keys()]).toEqual(['start', 'part', 'end']);
  expect(graph.nodes.get('part')).toMatchObject({ label: 'part × 2000', bad: 1, status: 'FAILED' });
  expect(graph.edges).toEqual([['start', 'part'], ['part', 'end']]);
  expect(graph.nodeOf('part_13')).toBe('part');
});

test('a crowded layer is grouped, unless each step is asked for', () => {
  const runs = byStep(Array.from({ length: 40 }, (_, n) => row(`part_${n}`)));
  expect(graphOf(runs, []).nodes.size).toBe(1);
  expect(graphOf(runs, [], true).nodes.size).toBe(40);
});

test('arrows go along edges and through layers', () => {
  const graph = graphOf(byStep([row('a'), row('b', { dependsOn: ['a'] }), row('c', { dependsOn: ['a'] })]), []);
  expect(beside(graph, 'a', 'ArrowRight')).toBe('b');
  expect(beside(graph, 'b', 'ArrowDown')).toBe('c');
  expect(beside(graph, 'c', 'ArrowLeft')).toBe('a');
  expect(beside(graph, 'a', 'ArrowUp')).toBeUndefined();
});
