/** Terminal colours of log messages, as pieces with class names; everything else of a terminal is dropped. */

export interface Piece {
  text: string;
  /** Class names; empty for plain text. */
  look: string;
}

// CSI sequences, OSC sequences up to their end, and two-character escapes.
const ESCAPES = /\u001b\[([0-9;:?]*)[ -/]*([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|\u001b[@-Z\\-_]|\u009b([0-9;:?]*)[ -/]*([@-~])/g;
// What would move a cursor or ring a bell; tabs stay.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

interface Look {
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  colour: string;
  ground: string;
}

const PLAIN: Look = { bold: false, dim: false, italic: false, underline: false, colour: '', ground: '' };

/** The pieces of a message. */
export function pieces(message: string): Piece[] {
  if (!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(message)) return [{ text: message, look: '' }];
  const found: Piece[] = [];
  let look = PLAIN;
  let from = 0;
  const add = (text: string) => {
    const shown = text.replace(CONTROLS, '');
    if (shown) found.push({ text: shown, look: classes(look) });
  };
  for (const match of message.matchAll(ESCAPES)) {
    add(message.slice(from, match.index));
    from = match.index + match[0].length;
    if ((match[2] ?? match[4]) === 'm') look = changed(look, match[1] ?? match[3] ?? '');
  }
  add(message.slice(from));
  return found;
}

/** The message without its terminal's escapes. */
export function plain(message: string): string {
  return pieces(message)
    .map(({ text }) => text)
    .join('');
}

function classes(look: Look): string {
  const names = [];
  if (look.bold) names.push('bold');
  if (look.dim) names.push('dim');
  if (look.italic) names.push('italic');
  if (look.underline) names.push('underline');
  if (look.colour) names.push(`ansi-${look.colour}`);
  if (look.ground) names.push(`ansi-on-${look.ground}`);
  return names.join(' ');
}

function changed(look: Look, parameters: string): Look {
  const codes = parameters.split(/[;:]/).map(Number);
  const next = { ...look };
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0;
    if (code === 38 || code === 48) {
      // 256 colours and true colours are more than a page has names for: the first 16 are shown.
      const colour = codes[index + 1] === 5 ? COLOURS[(codes[index + 2] ?? -1) % 8] : undefined;
      const known = (codes[index + 2] ?? 16) < 16 ? (colour ?? '') : '';
      if (code === 38) next.colour = known;
      else next.ground = known;
      index += codes[index + 1] === 5 ? 2 : 4;
    } else apply(next, code);
  }
  return next;
}

function apply(look: Look, code: number): void {
  const colour = COLOURS[code % 10] ?? '';
  if (code === 0) Object.assign(look, PLAIN);
  else if (code === 1) look.bold = true;
  else if (code === 2) look.dim = true;
  else if (code === 3) look.italic = true;
  else if (code === 4) look.underline = true;
  else if (code === 22) look.bold = look.dim = false;
  else if (code === 23) look.italic = false;
  else if (code === 24) look.underline = false;
  else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) look.colour = colour;
  else if (code === 39) look.colour = '';
  else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) look.ground = colour;
  else if (code === 49) look.ground = '';
}
