/** Attempts and steps: what one is of the other. */
import type { StepRowFragment } from '../../generated/graphql';

export type StepRow = StepRowFragment;

/** All attempts at one step. */
export interface StepRuns {
  key: string;
  name: string;
  type: string;
  /** In the order of attempts; never empty. */
  attempts: StepRow[];
  last: StepRow;
}

/** The attempts by step, in the order in which steps came first. */
export function byStep(attempts: readonly StepRow[]): StepRuns[] {
  const found = new Map<string, StepRuns>();
  for (const attempt of attempts) {
    const runs = found.get(attempt.key);
    if (runs) {
      runs.attempts.push(attempt);
      if (attempt.attempt >= runs.last.attempt) runs.last = attempt;
    } else found.set(attempt.key, { key: attempt.key, name: attempt.name, type: attempt.type, attempts: [attempt], last: attempt });
  }
  return [...found.values()];
}

/** The step that a reader looks for first: the last one that ended badly, else none. */
export function culprit(runs: readonly StepRuns[]): StepRuns | undefined {
  const bad = runs.filter(({ last }) => last.status === 'FAILED' || last.status === 'TIMED_OUT');
  return bad.sort((a, b) => Date.parse(b.last.completedAt ?? '') - Date.parse(a.last.completedAt ?? ''))[0];
}
