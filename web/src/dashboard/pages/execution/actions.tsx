/** What can be done with an execution by hand, for those who may write. */
import { useState } from 'react';
import { useWrite } from '../../components/refusable';
import { word } from '../../components/status';
import { Dialog, Problem } from '../../components/ui';
import { CancelExecution, type ExecutionHeadFragment, type ExecutionStatus } from '../../generated/graphql';
import { useMay } from '../../viewer';

const VERBS: Partial<Record<ExecutionStatus, string>> = { PAUSED: 'Pause', RUNNING: 'Resume', CANCELLED: 'Cancel' };
const WHAT_HAPPENS: Partial<Record<ExecutionStatus, string>> = {
  PAUSED: 'Its engine notices at the next heartbeat; it can be resumed.',
  RUNNING: 'It goes on where it was paused.',
  CANCELLED: 'Its engine notices at the next heartbeat. Only a recovery brings it back.',
};

/** The statuses that a person may move an execution to. */
function moves(status: ExecutionStatus): ExecutionStatus[] {
  if (status === 'PENDING') return ['CANCELLED'];
  if (status === 'RUNNING') return ['PAUSED', 'CANCELLED'];
  if (status === 'PAUSED') return ['RUNNING', 'CANCELLED'];
  return [];
}

export function Actions({ execution, reload }: { execution: ExecutionHeadFragment; reload: () => void }) {
  const mayWrite = useMay('WRITE');
  const write = useWrite(CancelExecution);
  const [asked, setAsked] = useState<ExecutionStatus | null>(null);
  if (!mayWrite) return null;
  const move = async () => {
    if (!(await write.send({ executionId: execution.id, to: asked }))) return;
    setAsked(null);
    reload();
  };
  return (
    <div className="actions">
      {moves(execution.status).map((to) => (
        <button key={to} type="button" onClick={() => setAsked(to)}>
          {VERBS[to]}…
        </button>
      ))}
      {asked && (
        <Dialog title={`${VERBS[asked]} this execution`} close={() => setAsked(null)}>
          <p>
            It is {word(execution.status)} and will be {word(asked)}. {WHAT_HAPPENS[asked]}
          </p>
          <Problem error={write.error} />
          <footer>
            <button type="button" onClick={() => setAsked(null)}>
              Not now
            </button>
            <button type="button" className={asked === 'CANCELLED' ? 'danger' : 'primary'} disabled={write.busy} onClick={() => void move()}>
              {VERBS[asked]}
            </button>
          </footer>
        </Dialog>
      )}
    </div>
  );
}
