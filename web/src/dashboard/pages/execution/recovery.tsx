/** Going on from a checkpoint: as a new execution, or with this one; either is asked first. */
import { useEffect, useState } from 'react';
import { useWrite } from '../../components/refusable';
import { Dialog, Loading, Problem } from '../../components/ui';
import { type CheckpointRowFragment, Fork, Recover, type RecoverMutation } from '../../generated/graphql';
import { navigate } from '../../router';

interface Props {
  checkpoint: CheckpointRowFragment;
  close: () => void;
}

function named({ seq, label }: { seq: number; label?: string | null }): string {
  return label ? `${seq}, ${label}` : String(seq);
}

export function ForkDialog({ checkpoint, close }: Props) {
  const fork = useWrite(Fork);
  const [patch, setPatch] = useState('');
  const [wrong, setWrong] = useState('');
  const send = async () => {
    let variablesPatch: unknown;
    try {
      variablesPatch = patch.trim() ? JSON.parse(patch) : undefined;
    } catch (error) {
      return setWrong(`This is not JSON: ${(error as Error).message}`);
    }
    setWrong('');
    const made = await fork.send({ checkpointId: checkpoint.id, ...(variablesPatch !== undefined && { variablesPatch }) });
    if (made) navigate(`/executions/${made.execution.id}`);
  };
  return (
    <Dialog title={`Fork from checkpoint ${named(checkpoint)}`} close={close}>
      <div className="form">
        <p>A new execution starts with the state of version {checkpoint.stateVersion}; this one stays as it is.</p>
        <label>
          Changes to its variables, as a JSON merge patch (may be empty)
          <textarea rows={4} value={patch} onChange={(event) => setPatch(event.target.value)} placeholder={'{"region": "eu"}'} spellCheck={false} />
        </label>
        {wrong && (
          <p className="message" role="alert">
            {wrong}
          </p>
        )}
        <Problem error={fork.error} />
        <footer>
          <button type="button" onClick={close}>
            Not now
          </button>
          <button type="button" className="primary" disabled={fork.busy} onClick={() => void send()}>
            Fork
          </button>
        </footer>
      </div>
    </Dialog>
  );
}

type Plan = Extract<RecoverMutation['recoverExecution'], { keptSteps: unknown }>;

export function RecoverDialog({ id, checkpoint, close, done }: Props & { id: string; done: () => void }) {
  const look = useWrite(Recover);
  const recover = useWrite(Recover);
  const [plan, setPlan] = useState<Plan>();
  useEffect(() => {
    void look.send({ executionId: id, checkpointId: checkpoint.id, plan: true }).then((found) => setPlan(found as Plan | undefined));
  }, []);
  const send = async () => {
    if (await recover.send({ executionId: id, checkpointId: checkpoint.id, idempotencyKey: crypto.randomUUID() })) {
      done();
      close();
    }
  };
  return (
    <Dialog title={`Recover to checkpoint ${named(checkpoint)}`} close={close}>
      <Problem error={look.error ?? recover.error} />
      {!plan && look.busy && <Loading what="the plan" />}
      {plan && (
        <div className="plan">
          <p>
            The state goes back to version {checkpoint.stateVersion}. Whoever works on the execution is fenced out, and it is PENDING until an engine claims it.
          </p>
          <Keys title="Stays done" keys={plan.keptSteps.map(({ key }) => key)} />
          <Keys title="Runs again" keys={plan.rerunSteps.map(({ key }) => key)} />
        </div>
      )}
      <footer>
        <button type="button" onClick={close}>
          Not now
        </button>
        <button type="button" className="primary" disabled={!plan || recover.busy} onClick={() => void send()}>
          Recover
        </button>
      </footer>
    </Dialog>
  );
}

const SHOWN = 40;

function Keys({ title, keys }: { title: string; keys: string[] }) {
  return (
    <section>
      <h3>
        {title}: <span className="number">{keys.length}</span>
      </h3>
      <p>
        {keys.slice(0, SHOWN).map((key) => (
          <span key={key} className="tag">
            {key}
          </span>
        ))}
        {keys.length > SHOWN && `and ${keys.length - SHOWN} more`}
      </p>
    </section>
  );
}
