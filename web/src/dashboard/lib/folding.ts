/** Steps and groups of steps: what a long list is folded to. */

export interface Keyed {
  key: string;
  type: string;
}

export interface Group<T> {
  /** What the members have in common, and names the group. */
  name: string;
  members: T[];
}

/** From how many steps on they are folded. */
export const FOLDED_FROM = 150;

// `resize_17`, `resize-17`, `resize[17]`, `resize.17` and `resize17` are all of `resize`.
const NUMBERED = /^(.*?)[\s._:/[(#-]*\d+[\])]?$/;

/** What a key begins with, without the number that it ends with. */
export function stem(key: string): string {
  return NUMBERED.exec(key)?.[1] || key;
}

/** Groups by the stems of keys, or by types where keys tell nothing; in the order of their first members. */
export function folded<T extends Keyed>(steps: readonly T[]): Group<T>[] {
  const byStem = grouped(steps, (step) => stem(step.key));
  const byType = grouped(steps, (step) => step.type);
  // Keys without numbers are a group each, which folds nothing.
  return byStem.length > Math.max(20, steps.length / 2) && byType.length < byStem.length ? byType : byStem;
}

function grouped<T>(steps: readonly T[], name: (step: T) => string): Group<T>[] {
  const found = new Map<string, Group<T>>();
  for (const step of steps) {
    const key = name(step);
    const group = found.get(key);
    if (group) group.members.push(step);
    else found.set(key, { name: key, members: [step] });
  }
  return [...found.values()];
}
