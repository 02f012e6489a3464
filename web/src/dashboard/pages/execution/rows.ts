/** The rows of the timeline: steps, or groups of them where there are many. */
import { FOLDED_FROM, folded } from '../../lib/folding';
import type { Interval } from '../../lib/scale';
import type { StepRow, StepRuns } from './runs';

export interface StepLine {
  kind: 'step';
  runs: StepRuns;
  inGroup: boolean;
}

export interface GroupLine {
  kind: 'group';
  name: string;
  members: StepRuns[];
  open: boolean;
}

export type Line = StepLine | GroupLine;

function begins(runs: StepRuns): number {
  const first = runs.attempts.find(({ startedAt }) => startedAt);
  return first?.startedAt ? Date.parse(first.startedAt) : Number.MAX_VALUE;
}

/** The lines to show: those of groups that are open, or of groups with a chosen step, unfolded. */
export function lines(runs: readonly StepRuns[], open: ReadonlySet<string>, onlyStatus: string | null): Line[] {
  const wanted = onlyStatus ? runs.filter(({ last }) => last.status === onlyStatus) : [...runs];
  const ordered = wanted.map((one): [number, StepRuns] => [begins(one), one]).sort((a, b) => a[0] - b[0]).map(([, one]) => one);
  if (ordered.length <= FOLDED_FROM) return ordered.map((one) => ({ kind: 'step', runs: one, inGroup: false }));
  return folded(ordered).flatMap(({ name, members }): Line[] => {
    const [only] = members;
    if (members.length === 1 && only) return [{ kind: 'step', runs: only, inGroup: false }];
    const group: GroupLine = { kind: 'group', name, members, open: open.has(name) };
    return group.open ? [group, ...members.map((one): StepLine => ({ kind: 'step', runs: one, inGroup: true }))] : [group];
  });
}

/** When an attempt ran, up to now where it still does; null where it has not started. */
export function ran(attempt: StepRow, now: number): Interval | null {
  if (!attempt.startedAt) return null;
  const from = Date.parse(attempt.startedAt);
  return { from, to: Math.max(from, attempt.completedAt ? Date.parse(attempt.completedAt) : now) };
}
