/** Lengths of time: ISO 8601 from the service, short words for people. */

const ISO = /^(-?)P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const UNITS = [604_800, 86_400, 3_600, 60, 1];

/** Seconds of an ISO 8601 duration; NaN for anything else. */
export function seconds(text: string): number {
  const match = ISO.exec(text);
  if (!match) return Number.NaN;
  const size = UNITS.reduce((sum, unit, index) => sum + unit * Number(match[index + 2] ?? 0), 0);
  return match[1] ? -size : size;
}

/** ISO 8601 of seconds. */
export function iso(size: number): string {
  return `PT${size}S`;
}

/** `4 ms`, `1.25 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: two units at most. */
export function spoken(size: number): string {
  if (size < 0) return `−${spoken(-size)}`;
  if (size < 0.9995) return `${Math.round(size * 1000)} ms`;
  if (size < 9.995) return `${trimmed(size, 2)} s`;
  if (size < 59.95) return `${trimmed(size, 1)} s`;
  const whole = Math.round(size);
  if (whole < 3_600) return pair(whole, 60, 'min', 1, 's');
  if (whole < 86_400) return pair(whole, 3_600, 'h', 60, 'min');
  return pair(whole, 86_400, 'd', 3_600, 'h');
}

/** The same for a duration of the service; a dash for null. */
export function length(text: string | null | undefined): string {
  return text == null ? '–' : spoken(seconds(text));
}

function trimmed(size: number, digits: number): string {
  return String(Number(size.toFixed(digits)));
}

function pair(size: number, large: number, name: string, small: number, smallName: string): string {
  let first = Math.floor(size / large);
  let second = Math.round((size % large) / small);
  if (second * small === large) [first, second] = [first + 1, 0];
  return second ? `${first} ${name} ${second} ${smallName}` : `${first} ${name}`;
}
