/**
 * The position in the database's log up to which this page was told of writes. Where the service reads from a
 * replica, what is asked next shows all of that; without one there are no positions.
 */
let position: string | undefined;

/** A position's two halves, the higher first. */
function halves(position: string): [number, number] {
  const [high = '0', low = '0'] = position.split('/');
  return [parseInt(high, 16), parseInt(low, 16)];
}

/** Whether the one is after the other. */
export function isAfter(one: string, other: string): boolean {
  const [[high, low], [otherHigh, otherLow]] = [halves(one), halves(other)];
  return high > otherHigh || (high === otherHigh && low > otherLow);
}

/** Take note of what an answer says. */
export function noted(extensions: unknown): void {
  const heard = (extensions as { position?: unknown } | null | undefined)?.position;
  if (typeof heard === 'string' && (position === undefined || isAfter(heard, position))) position = heard;
}

/** The extensions of the next request. */
export function seen(): { after: string } | undefined {
  return position === undefined ? undefined : { after: position };
}
