/** Checkpoints: the tree of them, two compared, a fork from one, a recovery to one. */
import { useState } from 'react';
import { Json, Scalar } from '../../components/json';
import { Empty, Link, Loading, Problem } from '../../components/ui';
import { When } from '../../components/when';
import { StatusBadge } from '../../components/status';
import { type CheckpointRowFragment, Checkpoints, CheckpointsCompared, type CheckpointsComparedQuery, Forks } from '../../generated/graphql';
import { useQuery } from '../../query';
import { useMay } from '../../viewer';
import { tree } from './checkpointtree';
import { ForkDialog, RecoverDialog } from './recovery';

export function CheckpointsTab({ id, reload }: { id: string; reload: () => void }) {
  const list = useQuery(Checkpoints, { id });
  const forks = useQuery(Forks, { id });
  const mayWrite = useMay('WRITE');
  const [from, setFrom] = useState<string | null>(null);
  const [to, setTo] = useState<string | null>(null);
  const [forking, setForking] = useState<CheckpointRowFragment | null>(null);
  const [recovering, setRecovering] = useState<CheckpointRowFragment | null>(null);
  const checkpoints = list.data?.execution?.checkpoints.nodes;
  if (list.error) return <Problem error={list.error} retry={list.reload} />;
  if (!checkpoints) return <Loading what="checkpoints" />;
  if (!checkpoints.length) {
    return (
      <Empty title="No checkpoint was taken">
        <p>
          Engines take one with <code>createCheckpoint</code>, or with a step's outcome in <code>commitStep</code>. Recovery and forks start from them.
        </p>
      </Empty>
    );
  }
  const twigs = tree(checkpoints);
  const wide = (Math.max(...twigs.map(({ column, through }) => Math.max(column, ...through))) + 1) * 18 + 8;
  const forked = forks.data?.executions.nodes ?? [];
  return (
    <section className="panel stack" aria-label="Checkpoints">
      {!mayWrite && <p className="muted">Forking and recovering take the scope WRITE, which you don't have.</p>}
      <div className="scroll" tabIndex={0} role="region" aria-label="Tree of checkpoints">
        <table className="list checkpoints">
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">Line</span>
              </th>
              <th scope="col">Checkpoint</th>
              <th scope="col">Step</th>
              <th scope="col">State</th>
              <th scope="col">Taken</th>
              <th scope="col">Compare</th>
              {mayWrite && <th scope="col">Go on from here</th>}
            </tr>
          </thead>
          <tbody>
            {twigs.map(({ checkpoint, column, through }) => (
              <tr key={checkpoint.id}>
                <td className="twig">
                  <svg width={wide} height="34" aria-hidden="true">
                    {through.map((other) => (
                      <line key={other} x1={other * 18 + 12} x2={other * 18 + 12} y1="0" y2="34" />
                    ))}
                    {checkpoint.parent && <line x1={column * 18 + 12} x2={column * 18 + 12} y1="17" y2="34" />}
                    <circle cx={column * 18 + 12} cy="17" r="5" />
                  </svg>
                </td>
                <td>
                  <span className="number">{checkpoint.seq}</span> <strong>{checkpoint.label}</strong>
                  {checkpoint.id === list.data?.execution?.latestCheckpoint?.id && <span className="tag">newest</span>}
                  {forked
                    .filter(({ forkedFrom }) => forkedFrom?.seq === checkpoint.seq)
                    .map((fork) => (
                      <div key={fork.id}>
                        ↳ forked: <Link to={`/executions/${fork.id}`}>{fork.id.slice(-8)}</Link> <StatusBadge status={fork.status} />
                      </div>
                    ))}
                </td>
                <td>{checkpoint.stepKey ?? <span className="muted">–</span>}</td>
                <td>
                  <Link to={`/executions/${id}?tab=state&version=${checkpoint.stateVersion}`}>version {checkpoint.stateVersion}</Link>
                </td>
                <td>
                  <When at={checkpoint.createdAt} /> <span className="muted">by {checkpoint.createdBy}</span>
                </td>
                <td>
                  <button type="button" className="choice" aria-pressed={from === checkpoint.id} onClick={() => setFrom(from === checkpoint.id ? null : checkpoint.id)}>
                    from
                  </button>{' '}
                  <button type="button" className="choice" aria-pressed={to === checkpoint.id} onClick={() => setTo(to === checkpoint.id ? null : checkpoint.id)}>
                    to
                  </button>
                </td>
                {mayWrite && (
                  <td>
                    <button type="button" onClick={() => setForking(checkpoint)}>
                      Fork…
                    </button>{' '}
                    <button type="button" onClick={() => setRecovering(checkpoint)}>
                      Recover…
                    </button>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {from !== null && to !== null && from !== to && <Compared from={from} to={to} />}
      {from !== null && to === null && <p className="muted">Choose another one to compare with.</p>}
      {forking && <ForkDialog checkpoint={forking} close={() => setForking(null)} />}
      {recovering && <RecoverDialog id={id} checkpoint={recovering} close={() => setRecovering(null)} done={reload} />}
    </section>
  );
}

type Compared = Extract<CheckpointsComparedQuery['node'], { diff: unknown }>['diff'];

function Compared({ from, to }: { from: string; to: string }) {
  const { data, error } = useQuery(CheckpointsCompared, { id: to, from });
  if (error) return <Problem error={error} />;
  if (!data) return <Loading what="the difference" />;
  const diff = (data.node as { diff?: Compared } | null)?.diff;
  if (!diff) return null;
  const rows = [
    ...diff.added.map(({ key, after }) => ({ key, kind: 'added', before: undefined as unknown, after })),
    ...diff.changed.map(({ key, before, after }) => ({ key, kind: 'changed', before, after })),
    ...diff.removed.map(({ key, before }) => ({ key, kind: 'removed', before, after: undefined as unknown })),
  ];
  return (
    <section aria-label="Difference of the two checkpoints" className="stack">
      <h2>What changed in between</h2>
      <p>
        {diff.stepsDone.length ? `Done: ${diff.stepsDone.map(({ key }) => key).join(', ')}.` : 'No step was done.'} {!rows.length && 'No variable differs.'}
      </p>
      {rows.length > 0 && (
        <table className="list difference">
          <thead>
            <tr>
              <th scope="col">Variable</th>
              <th scope="col">Before</th>
              <th scope="col">After</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ key, kind, before, after }) => (
              <tr key={key} className={kind}>
                <th scope="row">
                  <code>{key}</code> <span className="muted">{kind}</span>
                </th>
                <td>{kind !== 'added' && <del>{valueOf(before)}</del>}</td>
                <td>{kind !== 'removed' && <ins>{valueOf(after)}</ins>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function valueOf(value: unknown) {
  return typeof value === 'object' && value !== null ? <Json value={value} label="the value" /> : <Scalar value={value} />;
}
