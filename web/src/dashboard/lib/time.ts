/** Moments for people: in UTC, local time or a zone of their choice, always with the offset. */

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string): Intl.DateTimeFormat {
  let found = formats.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      timeZoneName: 'longOffset',
    });
    formats.set(zone, found);
  }
  return found;
}

/** This browser's zone. */
export const LOCAL = new Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/** Whether the browser knows the zone. */
export function isZone(zone: string): boolean {
  try {
    format(zone);
    return true;
  } catch {
    return false;
  }
}

interface Parts {
  date: string;
  time: string;
  offset: string;
}

/** Date, time with milliseconds and offset (`+02:00`) of a moment in a zone. */
export function parts(moment: number, zone: string): Parts {
  const named = Object.fromEntries(format(zone).formatToParts(moment).map(({ type, value }) => [type, value]));
  const milliseconds = String(((moment % 1000) + 1000) % 1000 | 0).padStart(3, '0');
  const offset = (named['timeZoneName'] ?? '').replace('GMT', '') || '+00:00';
  return {
    date: `${named['year']}-${named['month']}-${named['day']}`,
    time: `${named['hour']}:${named['minute']}:${named['second']}.${milliseconds}`,
    offset: offset.replace('−', '-'),
  };
}

/** `2026-10-25 02:30:00 +02:00`, with milliseconds where asked. */
export function absolute(moment: number, zone: string, { milliseconds = false } = {}): string {
  const { date, time, offset } = parts(moment, zone);
  return `${date} ${milliseconds ? time : time.slice(0, 8)} ${offset}`;
}

/** `+3.25 s` since a beginning. */
export function relative(moment: number, beginning: number): string {
  const size = Math.abs(moment - beginning) / 1000;
  const sign = moment < beginning ? '−' : '+';
  const hours = Math.floor(size / 3600);
  const minutes = Math.floor((size % 3600) / 60);
  const rest = (size % 60).toFixed(3).padStart(6, '0');
  return `${sign}${hours ? `${hours}:` : ''}${String(minutes).padStart(2, '0')}:${rest}`;
}

const AGES: [number, Intl.RelativeTimeFormatUnit][] = [
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
];
const ages = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' });

/** `5 min. ago`, `in 3 sec.`. */
export function ago(moment: number, now: number): string {
  const size = (moment - now) / 1000;
  const [unit, name] = AGES.find(([unit]) => Math.abs(size) >= unit) ?? [1, 'second'];
  return ages.format(Math.trunc(size / unit), name);
}

/** Short labels for moments in seconds, of which two differ by days or by less. */
export function tickLabels(times: readonly number[], zone: string): string[] {
  const apart = times.length > 1 ? (times[1] as number) - (times[0] as number) : 0;
  const options: Intl.DateTimeFormatOptions = apart >= 86_400 ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  const short = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options });
  const day = new Intl.DateTimeFormat('en-GB', { timeZone: zone, day: 'numeric', month: 'short' });
  return times.map((time) => {
    const label = short.format(time * 1000);
    return label === '00:00' ? day.format(time * 1000) : label;
  });
}
