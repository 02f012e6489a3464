/** Bytes for people. */

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `512 bytes`, `1.5 MB`: decimal units, two digits at least. */
export function size(bytes: number): string {
  let unit = 0;
  let left = bytes;
  while (left >= 999.5 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? left : Number(left.toPrecision(3))} ${UNITS[unit]}`;
}
