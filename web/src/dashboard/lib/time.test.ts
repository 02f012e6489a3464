import { describe, expect, test } from 'vitest';
import { iso, seconds, spoken } from './duration';
import { absolute, ago, isZone, relative, tickLabels } from './time';

const at = (text: string) => Date.parse(text);

describe('moments', () => {
  test.each([
    ['2026-10-25T00:30:00Z', '2026-10-25 02:30:00 +02:00'],
    ['2026-10-25T01:30:00Z', '2026-10-25 02:30:00 +01:00'],
    ['2026-03-29T00:59:59Z', '2026-03-29 01:59:59 +01:00'],
    ['2026-03-29T01:00:00Z', '2026-03-29 03:00:00 +02:00'],
  ])('%s in Berlin, where clocks change, is %s', (moment, shown) => {
    expect(absolute(at(moment), 'Europe/Berlin')).toBe(shown);
  });

  test.each([
    ['UTC', '2026-01-31 23:59:59.007 +00:00'],
    ['Asia/Kathmandu', '2026-02-01 05:44:59.007 +05:45'],
    ['America/St_Johns', '2026-01-31 20:29:59.007 -03:30'],
  ])('in %s it has milliseconds and the offset', (zone, shown) => {
    expect(absolute(at('2026-01-31T23:59:59.007Z'), zone, { milliseconds: true })).toBe(shown);
  });

  test('before 1970 too', () => {
    expect(absolute(-1, 'UTC', { milliseconds: true })).toBe('1969-12-31 23:59:59.999 +00:00');
  });

  test('a zone that is none is told apart', () => {
    expect([isZone('Europe/Rome'), isZone('Europe/Atlantis')]).toEqual([true, false]);
  });

  test('relative to a beginning, on either side', () => {
    const start = at('2026-01-01T00:00:00Z');
    expect(relative(start + 3_250, start)).toBe('+00:03.250');
    expect(relative(start - 61_000, start)).toBe('−01:01.000');
    expect(relative(start + 3_723_004, start)).toBe('+1:02:03.004');
  });

  test('ticks are days, or times with the day at midnight', () => {
    const hours = [21, 22, 23].map((hour) => at(`2026-05-01T${hour}:00:00Z`) / 1000);
    expect(tickLabels(hours, 'Europe/Paris')).toEqual(['23:00', '2 May', '01:00']);
    expect(tickLabels([0, 86_400], 'UTC')).toEqual(['1 Jan', '2 Jan']);
  });

  test('ages', () => {
    expect([ago(0, 90_000), ago(5_000, 0), ago(0, 200_000_000)]).toEqual(['1 min. ago', 'in 5 sec.', '2 days ago']);
  });
});

describe('durations', () => {
  test.each([
    ['PT0S', 0],
    ['PT1M30.5S', 90.5],
    ['P1DT2H', 93_600],
    ['P2W', 1_209_600],
    ['-PT3S', -3],
  ])('%s is %d seconds', (text, size) => {
    expect(seconds(text)).toBe(size);
  });

  test('what is none is no number', () => {
    expect(seconds('3 minutes')).toBeNaN();
  });

  test.each([
    [0.0044, '4 ms'],
    [0.9999, '1 s'],
    [1.254, '1.25 s'],
    [59.94, '59.9 s'],
    [59.96, '1 min'],
    [200, '3 min 20 s'],
    [3_599.9, '1 h'],
    [7_500, '2 h 5 min'],
    [7_199, '2 h'],
    [273_600, '3 d 4 h'],
    [-3, '−3 s'],
  ])('%d s is said as %s', (size, said) => {
    expect(spoken(size)).toBe(said);
  });

  test('goes to the service as it came', () => {
    expect(seconds(iso(12.5))).toBe(12.5);
  });
});
