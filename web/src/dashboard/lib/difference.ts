/** What differs between two JSON values, by path. */

export type Json = unknown;

export interface Change {
  path: string;
  kind: 'added' | 'removed' | 'changed';
  before?: Json;
  after?: Json;
}

const MOST = 5_000;

/** The differences of two values, in the order of the newer one; at most 5,000. */
export function differences(before: Json, after: Json): Change[] {
  const found: Change[] = [];
  compare(before, after, '', found);
  return found;
}

function compare(before: Json, after: Json, path: string, found: Change[]): void {
  if (found.length >= MOST || same(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    compareKeys(before, after, [...Array(Math.max(before.length, after.length)).keys()], path, found);
  } else if (isObject(before) && isObject(after)) {
    compareKeys(before, after, [...new Set([...Object.keys(after), ...Object.keys(before)])], path, found);
  } else found.push({ path: path || 'value', kind: 'changed', before, after });
}

function compareKeys(before: object, after: object, keys: (string | number)[], path: string, found: Change[]): void {
  for (const key of keys) {
    const then = (before as Record<string, Json>)[key];
    const now = (after as Record<string, Json>)[key];
    const there = joined(path, key);
    if (found.length >= MOST) return;
    if (!Object.hasOwn(before, key)) found.push({ path: there, kind: 'added', after: now });
    else if (!Object.hasOwn(after, key)) found.push({ path: there, kind: 'removed', before: then });
    else compare(then, now, there, found);
  }
}

function joined(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  const plain = /^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(key);
  if (!plain) return `${path}[${JSON.stringify(key)}]`;
  return path ? `${path}.${key}` : key;
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function same(a: Json, b: Json): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => same(item, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}
