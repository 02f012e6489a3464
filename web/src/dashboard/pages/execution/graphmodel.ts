/** The graph of an execution's steps: one node a step, or one a group of steps where there are too many. */
import { folded } from '../../lib/folding';
import { type Layers, layered } from '../../lib/layering';
import type { Status } from '../../components/status';
import type { StepRuns } from './runs';

/** Above this many steps, a node stands for a group of them. */
export const GROUPED_ABOVE = 1_000;
/** The most nodes of a layer that are told apart unasked. */
const TALLEST = 30;
export const BOX = { width: 168, height: 34, across: 72, down: 14 };

export interface GraphNode {
  key: string;
  label: string;
  status: Status;
  /** How many steps it stands for. */
  count: number;
  /** How many of them ended badly. */
  bad: number;
  x: number;
  y: number;
}

export interface Graph {
  nodes: Map<string, GraphNode>;
  layers: string[][];
  edges: [string, string][];
  width: number;
  height: number;
  /** The node that stands for a step. */
  nodeOf: (step: string) => string;
  grouped: boolean;
}

export interface KnownStep {
  key: string;
  type?: string | null | undefined;
  dependsOn: readonly string[];
}

interface Part {
  key: string;
  label: string;
  dependsOn: string[];
  steps: { status: Status }[];
}

const BAD: readonly Status[] = ['FAILED', 'TIMED_OUT'];
const WORST: readonly Status[] = ['FAILED', 'TIMED_OUT', 'RUNNING', 'RETRYING', 'PAUSED', 'PENDING', 'CANCELLED', 'COMPLETED', 'SKIPPED'];

/** Whether so many steps are only legible as groups. */
function crowded(parts: readonly Part[]): boolean {
  return layered(parts).layers.some((layer) => layer.length > TALLEST);
}

/**
 * The graph of the steps that ran, and of those that the definition knows beside them.
 *
 * Above a thousand steps nodes are groups in any case; below, where a layer has too many, unless `each` step is
 * asked for.
 */
export function graphOf(runs: readonly StepRuns[], defined: readonly KnownStep[], each = false): Graph {
  const ran = new Set(runs.map(({ key }) => key));
  const steps = [
    ...runs.map(({ key, type, last }) => ({ key, type, dependsOn: last.dependsOn, status: last.status as Status })),
    ...defined.filter(({ key }) => !ran.has(key)).map((step) => ({ ...step, type: step.type ?? 'task', status: 'PENDING' as Status })),
  ];
  const single = (): Part[] => steps.map((step) => ({ key: step.key, label: step.key, dependsOn: [...step.dependsOn], steps: [step] }));
  const grouped = steps.length > GROUPED_ABOVE || (!each && steps.length > TALLEST && crowded(single()));
  const parts = grouped ? groups(steps) : single();
  const nodeOf = new Map(grouped ? folded(steps).flatMap(({ name, members }) => members.map(({ key }): [string, string] => [key, name])) : []);
  return placed(parts, layered(parts), (step) => nodeOf.get(step) ?? step, grouped);
}

function groups(steps: { key: string; type: string; dependsOn: readonly string[]; status: Status }[]): Part[] {
  const found = folded(steps);
  const nameOf = new Map(found.flatMap(({ name, members }) => members.map(({ key }): [string, string] => [key, name])));
  return found.map(({ name, members }) => ({
    key: name,
    label: members.length > 1 ? `${name} × ${members.length}` : name,
    dependsOn: [...new Set(members.flatMap(({ dependsOn }) => dependsOn.map((key) => nameOf.get(key) ?? key)))].filter((key) => key !== name),
    steps: members,
  }));
}

function placed(parts: readonly Part[], { layers, edges }: Layers, nodeOf: (step: string) => string, grouped: boolean): Graph {
  const byKey = new Map(parts.map((part) => [part.key, part]));
  const tallest = Math.max(1, ...layers.map((layer) => layer.length));
  const height = tallest * (BOX.height + BOX.down) - BOX.down;
  const nodes = new Map<string, GraphNode>();
  layers.forEach((layer, rank) => {
    const top = (height - (layer.length * (BOX.height + BOX.down) - BOX.down)) / 2;
    layer.forEach((key, index) => {
      const part = byKey.get(key) as Part;
      nodes.set(key, {
        key,
        label: part.label,
        status: WORST.find((status) => part.steps.some((step) => step.status === status)) ?? 'PENDING',
        count: part.steps.length,
        bad: part.steps.filter(({ status }) => BAD.includes(status)).length,
        x: rank * (BOX.width + BOX.across),
        y: top + index * (BOX.height + BOX.down),
      });
    });
  });
  return { nodes, layers, edges, width: Math.max(1, layers.length) * (BOX.width + BOX.across) - BOX.across, height, nodeOf, grouped };
}

/** The node beside another one in a direction: along its edges, or in its layer. */
export function beside(graph: Graph, key: string, direction: 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown'): string | undefined {
  const layer = graph.layers.find((layer) => layer.includes(key)) ?? [];
  if (direction === 'ArrowUp') return layer[layer.indexOf(key) - 1];
  if (direction === 'ArrowDown') return layer[layer.indexOf(key) + 1];
  const [edge] = graph.edges.filter(([from, to]) => (direction === 'ArrowLeft' ? to : from) === key);
  return edge?.[direction === 'ArrowLeft' ? 0 : 1];
}
