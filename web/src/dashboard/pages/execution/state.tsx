/** What an execution knew: its variables at any version, what changed between two, and one variable's history. */
import { useEffect, useMemo, useState } from 'react';
import { Json, Scalar } from '../../components/json';
import { Empty, Loading, Problem } from '../../components/ui';
import { When } from '../../components/when';
import { History, StateAt, StateVersions, VariableHistory } from '../../generated/graphql';
import { differences } from '../../lib/difference';
import { useQuery } from '../../query';
import { useParameters } from '../../router';

/** The state's version at a moment, from the last save before it; what it began with where there was none. */
function useVersionAt(id: string, at: string | null): number | null {
  const found = useQuery(History, at === null ? null : { id, last: 1, filter: { type: ['STATE_SAVED'], at: { lte: at } } });
  if (at === null || !found.data) return null;
  const version = found.data.execution?.events.nodes[0]?.changes['version'] as { after: number } | undefined;
  return version?.after ?? 1;
}

export function StateTab({ id, version: newest }: { id: string; version: number }) {
  const [parameters, change] = useParameters();
  const at = parameters.get('at');
  const then = useVersionAt(id, at);
  const versions = useQuery(StateVersions, { id });
  const checkpoints = versions.data?.execution?.checkpoints.nodes ?? [];
  const chosen = Math.min(newest, Number(parameters.get('version') ?? then ?? newest));
  const other = parameters.get('with') === null ? null : Math.min(newest, Number(parameters.get('with')));
  const [slid, setSlid] = useState(chosen);
  useEffect(() => setSlid(chosen), [chosen]);
  useEffect(() => {
    if (slid === chosen) return;
    const timer = setTimeout(() => change({ version: String(slid), at: null }), 150);
    return () => clearTimeout(timer);
  }, [slid]);
  const shown = useQuery(StateAt, { id, version: chosen });
  const compared = useQuery(StateAt, other === null ? null : { id, version: other });
  const variables = shown.data?.execution?.stateAt.variables;
  const before = compared.data?.execution?.stateAt.variables;
  const named = checkpoints.filter(({ stateVersion }) => stateVersion === chosen);
  const key = parameters.get('variable');

  if (newest === 0) return <Empty title="Its state is empty">{<p>Engines save what an execution knows with <code>saveState</code> or <code>commitStep</code>.</p>}</Empty>;
  return (
    <section className="state panel" aria-label="State">
      <div className="bar">
        <label className="slider">
          Version <strong className="number">{slid}</strong> of <span className="number">{newest}</span>
          <input type="range" min={0} max={newest} value={slid} list="state-checkpoints" onChange={(event) => setSlid(Number(event.target.value))} />
        </label>
        <datalist id="state-checkpoints">
          {checkpoints.map(({ id, stateVersion, label, seq }) => (
            <option key={id} value={stateVersion} label={label ?? `checkpoint ${seq}`} />
          ))}
        </datalist>
        <button type="button" disabled={chosen === 0} onClick={() => change({ version: String(chosen - 1), at: null })}>
          ← Before
        </button>
        <button type="button" disabled={chosen === newest} onClick={() => change({ version: String(chosen + 1), at: null })}>
          After →
        </button>
        <label>
          Compare with{' '}
          <select value={other ?? ''} onChange={(event) => change({ with: event.target.value })}>
            <option value="">nothing</option>
            {chosen > 0 && <option value={chosen - 1}>the version before</option>}
            <option value={newest}>the newest version</option>
            {checkpoints.map(({ id, seq, label, stateVersion }) => (
              <option key={id} value={stateVersion}>
                checkpoint {seq}
                {label ? `, ${label}` : ''} (version {stateVersion})
              </option>
            ))}
          </select>
        </label>
      </div>
      {at !== null && (
        <p role="status">
          The state at <When at={at} milliseconds />: version {chosen}.
        </p>
      )}
      {named.map(({ id, seq, label, stepKey, createdAt }) => (
        <p key={id} className="muted">
          Checkpoint {seq} {label && <strong>{label}</strong>} {stepKey && <>at step {stepKey}</>}, <When at={createdAt} />
        </p>
      ))}
      <Problem error={versions.error ?? shown.error ?? compared.error} retry={shown.reload} />
      {!variables && shown.loading && <Loading what="the state" />}
      {variables && other !== null && before && <Difference before={before} after={variables} from={other} to={chosen} />}
      {variables && other === null && <Variables variables={variables} chosen={key} choose={(key) => change({ variable: key })} />}
      {key !== null && <Variable id={id} version={chosen} name={key} close={() => change({ variable: null })} />}
    </section>
  );
}

function Variables({ variables, chosen, choose }: { variables: Record<string, unknown>; chosen: string | null; choose: (key: string) => void }) {
  const entries = Object.entries(variables);
  if (!entries.length) return <p className="muted">No variables at this version.</p>;
  return (
    <table className="list pairs-table">
      <thead>
        <tr>
          <th scope="col">Variable</th>
          <th scope="col">Value</th>
        </tr>
      </thead>
      <tbody>
        {entries.map(([key, value]) => (
          <tr key={key} className={key === chosen ? 'chosen' : undefined}>
            <th scope="row">
              <button type="button" className="quiet" title="Its history" onClick={() => choose(key)}>
                {key}
              </button>
            </th>
            <td className="wide">
              <Json value={value} label={key} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Difference({ before, after, from, to }: { before: unknown; after: unknown; from: number | string; to: number | string }) {
  const found = useMemo(() => differences(before, after), [before, after]);
  if (!found.length) return <p className="muted">Nothing differs between {from} and {to}.</p>;
  return (
    <table className="list difference">
      <thead>
        <tr>
          <th scope="col">Where</th>
          <th scope="col">In {from}</th>
          <th scope="col">In {to}</th>
        </tr>
      </thead>
      <tbody>
        {found.map(({ path, kind, before, after }) => (
          <tr key={path} className={kind}>
            <th scope="row">
              <code>{path}</code> <span className="muted">{kind}</span>
            </th>
            <td>{kind !== 'added' && <del>{<Value value={before} />}</del>}</td>
            <td>{kind !== 'removed' && <ins>{<Value value={after} />}</ins>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Value({ value }: { value: unknown }) {
  return typeof value === 'object' && value !== null ? <Json value={value} label="the value" /> : <Scalar value={value} />;
}

function Variable({ id, version, name, close }: { id: string; version: number; name: string; close: () => void }) {
  const { data, error } = useQuery(VariableHistory, { id, version, key: name });
  const history = data?.execution?.stateAt.variable?.history.nodes;
  return (
    <aside className="panel" aria-label={`History of ${name}`}>
      <header>
        <h2>History of {name}</h2>
        <button type="button" className="quiet" onClick={close} aria-label="Close the history">
          ✕
        </button>
      </header>
      <Problem error={error} />
      {data && !history && <p className="muted">It is not there at this version.</p>}
      <ol className="history">
        {history?.toReversed().map((change) => (
          <li key={change.version}>
            <span className="number">version {change.version}</span> <When at={change.recordedAt} milliseconds /> <span className="muted">{change.op.toLowerCase()}</span>
            {change.op !== 'DELETE' && <Value value={change.value} />}
          </li>
        ))}
      </ol>
    </aside>
  );
}
