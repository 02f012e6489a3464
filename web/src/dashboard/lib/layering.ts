/** Where the nodes of a graph go: layers by longest path, and an order in each that has few crossings. */

export interface Node {
  key: string;
  dependsOn: readonly string[];
}

export interface Layers {
  /** The keys of each layer, in their order. */
  layers: string[][];
  /** Edges by index of node: from, to. */
  edges: [string, string][];
  /** Edges left out because they would close a circle, or lead nowhere. */
  dropped: number;
}

const SWEEPS = 6;

/** Lay out nodes with unique keys. Takes time in proportion to nodes and edges, whatever their number. */
export function layered(nodes: readonly Node[]): Layers {
  const known = new Map(nodes.map((node) => [node.key, node]));
  const rank = new Map<string, number>();
  const given: [string, string][] = [];
  const edges: [string, string][] = [];
  let dropped = 0;
  const waiting = new Map<string, number>();
  for (const node of nodes) {
    const before = [...new Set(node.dependsOn)].filter((key) => known.has(key) && key !== node.key);
    dropped += node.dependsOn.length - before.length;
    waiting.set(node.key, before.length);
    for (const key of before) given.push([key, node.key]);
  }
  const after = neighbours(given);
  const ready = nodes.filter((node) => waiting.get(node.key) === 0).map((node) => node.key);
  const done: string[] = [];
  for (;;) {
    // What is left when nothing is ready goes in a circle: its first node is taken as if it were ready.
    if (done.length === ready.length) {
      const stuck = nodes.find((node) => !rank.has(node.key) && !ready.includes(node.key));
      if (!stuck) break;
      ready.push(stuck.key);
    }
    const key = ready[done.length] as string;
    done.push(key);
    const before = (known.get(key) as Node).dependsOn.filter((other) => rank.has(other) && other !== key);
    rank.set(key, before.length ? 1 + Math.max(...before.map((other) => rank.get(other) as number)) : 0);
    dropped += [...new Set((known.get(key) as Node).dependsOn)].filter((other) => known.has(other) && other !== key && !rank.has(other)).length;
    for (const other of new Set(before)) edges.push([other, key]);
    for (const next of after.get(key) ?? []) {
      const left = (waiting.get(next) as number) - 1;
      waiting.set(next, left);
      if (left === 0 && !rank.has(next)) ready.push(next);
    }
  }
  const layers: string[][] = [];
  for (const key of done) (layers[rank.get(key) as number] ??= []).push(key);
  return { layers: ordered(layers, edges), edges, dropped };
}

/** The layers with each node near the middle of its neighbours, swept down and up. */
function ordered(layers: string[][], edges: [string, string][]): string[][] {
  const above = neighbours(edges.map(([from, to]): [string, string] => [to, from]));
  const below = neighbours(edges);
  const place = new Map<string, number>();
  const note = (layer: string[]) => layer.forEach((key, index) => place.set(key, (index + 0.5) / layer.length));
  layers.forEach(note);
  let sorted = layers;
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const near = sweep % 2 ? below : above;
    const centre = new Map<string, number>();
    sorted = (sweep % 2 ? [...sorted].reverse() : sorted).map((layer) => {
      for (const key of layer) {
        const others = near.get(key) ?? [];
        const sum = others.reduce((sum, other) => sum + (place.get(other) as number), 0);
        centre.set(key, others.length ? sum / others.length : (place.get(key) as number));
      }
      const next = [...layer].sort((a, b) => (centre.get(a) as number) - (centre.get(b) as number));
      note(next);
      return next;
    });
    if (sweep % 2) sorted.reverse();
  }
  return sorted;
}

function neighbours(edges: readonly [string, string][]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [from, to] of edges) {
    const list = found.get(from);
    if (list) list.push(to);
    else found.set(from, [to]);
  }
  return found;
}
