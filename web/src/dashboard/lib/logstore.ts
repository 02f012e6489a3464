/** The lines of a log that were seen: by number, in blocks, the oldest blocks forgotten. */

export interface Numbered {
  seq: number;
}

export const BLOCK = 500;
const MOST_BLOCKS = 60;

export class LogStore<Line extends Numbered> {
  private blocks = new Map<number, (Line | undefined)[]>();
  private whole = new Set<number>();

  /** A line, if it is known. */
  get(seq: number): Line | undefined {
    return this.blocks.get(Math.floor((seq - 1) / BLOCK))?.[(seq - 1) % BLOCK];
  }

  /** Keep lines as they come. */
  add(lines: readonly Line[]): void {
    for (const line of lines) {
      const number = Math.floor((line.seq - 1) / BLOCK);
      const block = this.blocks.get(number) ?? [];
      block[(line.seq - 1) % BLOCK] = line;
      this.touch(number, block);
    }
  }

  /** Keep what was found when a block was asked for; lines that are missing then are gone for good. */
  fill(number: number, lines: readonly Line[], end: number): void {
    this.touch(number, this.blocks.get(number) ?? []);
    this.add(lines);
    // The last block grows: it is asked for again until it is full.
    if ((number + 1) * BLOCK <= end) this.whole.add(number);
  }

  /** The blocks of these lines that were not found yet; `end` is the number of the last line there is. */
  missing(from: number, to: number, end: number): number[] {
    const found: number[] = [];
    for (let number = Math.floor((from - 1) / BLOCK); number <= Math.floor((Math.min(to, end) - 1) / BLOCK); number += 1) {
      if (number < 0 || this.whole.has(number)) continue;
      const size = Math.min(BLOCK, end - number * BLOCK);
      const block = this.blocks.get(number) ?? [];
      let known = 0;
      for (let index = 0; index < size; index += 1) known += block[index] ? 1 : 0;
      if (known < size) found.push(number);
    }
    return found;
  }

  private touch(number: number, block: (Line | undefined)[]): void {
    this.blocks.delete(number);
    this.blocks.set(number, block);
    if (this.blocks.size <= MOST_BLOCKS) return;
    const oldest = this.blocks.keys().next().value as number;
    this.blocks.delete(oldest);
    this.whole.delete(oldest);
  }
}
