/** Checkpoints as a tree: recoveries go back and branch off; the line that leads to the newest is straight. */

export interface Named {
  id: string;
  seq: number;
  parent?: { seq: number } | null;
}

export interface Twig<T> {
  checkpoint: T;
  /** In which column it stands: 0 for the present line. */
  column: number;
  /** The columns that lines go through beside it. */
  through: number[];
}

/** The checkpoints, newest first, each with its column. */
export function tree<T extends Named>(checkpoints: readonly T[]): Twig<T>[] {
  const newestFirst = [...checkpoints].sort((a, b) => b.seq - a.seq);
  // What each column waits for next: the checkpoint that its line leads to.
  const waiting: (number | null)[] = [];
  return newestFirst.map((checkpoint) => {
    let column = waiting.indexOf(checkpoint.seq);
    if (column < 0) {
      column = waiting.indexOf(null);
      if (column < 0) column = waiting.length;
    }
    for (let index = 0; index < waiting.length; index += 1) if (waiting[index] === checkpoint.seq) waiting[index] = null;
    waiting[column] = checkpoint.parent?.seq ?? null;
    const through = waiting.flatMap((seq, index) => (seq !== null && index !== column ? [index] : []));
    return { checkpoint, column, through };
  });
}
