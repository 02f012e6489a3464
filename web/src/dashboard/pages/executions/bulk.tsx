/** Cancelling the executions that were chosen, one after the other, after asking once. */
import { useState } from 'react';
import { ask } from '../../api';
import { Dialog } from '../../components/ui';
import { CancelExecution, type ExecutionRowFragment } from '../../generated/graphql';

export function BulkCancel({ rows, done }: { rows: readonly ExecutionRowFragment[]; done: () => void }) {
  const [asking, setAsking] = useState(false);
  const [progress, setProgress] = useState<number | null>(null);
  const [refused, setRefused] = useState<string[]>([]);
  const open = rows.filter(({ completedAt }) => !completedAt);
  if (!rows.length) return null;

  const cancel = async () => {
    const failures: string[] = [];
    for (const [index, { id }] of open.entries()) {
      setProgress(index);
      try {
        const { transitionExecution: answer } = await ask(CancelExecution, { input: { executionId: id, to: 'CANCELLED', idempotencyKey: `cancel ${crypto.randomUUID()}` } }, 'mutation');
        if ('message' in answer) failures.push(`${id}: ${answer.message}`);
      } catch (error) {
        failures.push(`${id}: ${(error as Error).message}`);
      }
    }
    setProgress(null);
    setRefused(failures);
    if (!failures.length) {
      setAsking(false);
      done();
    }
  };
  return (
    <>
      <button type="button" disabled={!open.length} title={open.length ? undefined : 'All of these have ended'} onClick={() => setAsking(true)}>
        Cancel {open.length} of {rows.length} chosen…
      </button>
      {asking && (
        <Dialog title="Cancel executions" close={() => setAsking(false)}>
          <p>
            {open.length} execution{open.length === 1 ? '' : 's'} will be CANCELLED. Their engines notice at the next heartbeat.
          </p>
          {refused.map((text) => (
            <p key={text} className="message">
              {text}
            </p>
          ))}
          <footer>
            <button type="button" onClick={() => setAsking(false)}>
              Keep them
            </button>
            <button type="button" className="danger" disabled={progress !== null} onClick={() => void cancel()}>
              {progress === null ? `Cancel ${open.length}` : `Cancelling ${progress + 1} of ${open.length}…`}
            </button>
          </footer>
        </Dialog>
      )}
    </>
  );
}
