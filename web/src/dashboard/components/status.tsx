/** A status by shape, word and colour: any one of them is enough. */
import type { ExecutionStatus, StepStatus } from '../generated/graphql';

export type Status = ExecutionStatus | StepStatus;

/** The order in which statuses are listed and stacked: what needs attention last, at the top of a bar. */
export const STATUSES: readonly ExecutionStatus[] = ['COMPLETED', 'RUNNING', 'PENDING', 'PAUSED', 'CANCELLED', 'TIMED_OUT', 'FAILED'];
export const STEP_STATUSES: readonly StepStatus[] = ['COMPLETED', 'RUNNING', 'RETRYING', 'PENDING', 'SKIPPED', 'CANCELLED', 'TIMED_OUT', 'FAILED'];

const SHAPES: Record<Status, React.ReactNode> = {
  COMPLETED: <path d="M3 8.5 6.5 12 13 4.5" />,
  FAILED: <path d="m4 4 8 8M12 4l-8 8" />,
  RUNNING: <path d="M5 3.5v9l7.5-4.5z" className="filled" />,
  PENDING: <circle cx="8" cy="8" r="4.5" strokeDasharray="2.4 2" />,
  PAUSED: <path d="M5.5 3.5v9M10.5 3.5v9" />,
  CANCELLED: <path d="M12.5 8a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0M5 11l6-6" />,
  TIMED_OUT: <path d="M13 8A5 5 0 1 1 3 8a5 5 0 0 1 10 0M8 5v3.2l2 1.3" />,
  RETRYING: <path d="M12.5 8A4.5 4.5 0 1 1 11 4.6M11.5 2v3h-3" />,
  SKIPPED: <path d="m4 4 4 4-4 4M8.5 4l4 4-4 4" />,
};

/** `TIMED_OUT` as `timed out`. */
export function word(status: string): string {
  return status.toLowerCase().replaceAll('_', ' ');
}

export function Shape({ status }: { status: Status }) {
  return (
    <svg className={`shape s-${status}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      {SHAPES[status]}
    </svg>
  );
}

export function StatusBadge({ status }: { status: Status }) {
  return (
    <span className={`badge s-${status}`}>
      <Shape status={status} />
      {word(status)}
    </span>
  );
}

interface Count {
  status: StepStatus;
  count: number;
}

/** How far an execution has come, as a bar with its numbers in words. */
export function Progress({ counts }: { counts: readonly Count[] }) {
  const all = counts.reduce((sum, { count }) => sum + count, 0);
  if (!all) return <span className="muted">–</span>;
  const known = STEP_STATUSES.flatMap((status) => counts.filter((one) => one.status === status));
  const said = known.map(({ status, count }) => `${count} ${word(status)}`).join(', ');
  const done = counts.find(({ status }) => status === 'COMPLETED')?.count ?? 0;
  return (
    <span className="progress" title={said}>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={said}>
        {known.map(({ status, count }, index) => {
          const before = known.slice(0, index).reduce((sum, one) => sum + one.count, 0);
          return <rect key={status} className={`fill-${status}`} x={(100 * before) / all} y="0" width={(100 * count) / all} height="6" />;
        })}
      </svg>
      <span className="number">
        {done}/{all}
      </span>
    </span>
  );
}
