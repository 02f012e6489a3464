import { expect, test } from 'vitest';
import { pieces, plain } from './ansi';

test('plain text is one piece', () => {
  expect(pieces('<b>no markup</b>\twith a tab')).toEqual([{ text: '<b>no markup</b>\twith a tab', look: '' }]);
});

test('colours and weights last until they are taken back', () => {
  expect(pieces('a\u001b[1;31mb\u001b[22mc\u001b[0md')).toEqual([
    { text: 'a', look: '' },
    { text: 'b', look: 'bold ansi-red' },
    { text: 'c', look: 'ansi-red' },
    { text: 'd', look: '' },
  ]);
});

test('bright, background and 256-colour codes', () => {
  expect(pieces('\u001b[92mx\u001b[44my\u001b[38;5;3mz\u001b[38;2;1;2;3mw')).toEqual([
    { text: 'x', look: 'ansi-green' },
    { text: 'y', look: 'ansi-green ansi-on-blue' },
    { text: 'z', look: 'ansi-yellow ansi-on-blue' },
    { text: 'w', look: 'ansi-on-blue' },
  ]);
});

test.each([
  ['a title', 'x\u001b]0;owned\u0007y', 'xy'],
  ['a link', '\u001b]8;;http://evil\u001b\\click\u001b]8;;\u001b\\', 'click'],
  ['an unfinished title', 'x\u001b]0;owned', 'x'],
  ['a cleared screen', '\u001b[2J\u001b[Hx', 'x'],
  ['a carriage return and a bell', 'a\rb\u0007', 'ab'],
  ['an 8-bit introducer', '\u009b31mx', 'x'],
  ['a lone escape', 'x\u001b', 'x'],
])('%s does nothing', (_, message, shown) => {
  expect(plain(message)).toBe(shown);
});
