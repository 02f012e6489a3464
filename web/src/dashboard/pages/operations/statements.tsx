/** What the database spends its time on. */
import { Loading, Problem } from '../../components/ui';
import { When } from '../../components/when';
import { CostliestStatements } from '../../generated/graphql';
import { spoken } from '../../lib/duration';
import { useQuery } from '../../query';

export function Statements() {
  const { data, error, reload, loading } = useQuery(CostliestStatements, {});
  if (error && !data) return <Problem error={error} retry={reload} />;
  if (!data) return <Loading what="the costliest statements" />;
  const costs = data.health.statements;
  return (
    <section className="panel">
      <h2>Costliest statements{costs?.since && <> since <When at={costs.since} /></>}</h2>
      <Problem error={error} retry={reload} />
      {costs?.missing ? (
        <p className="muted">{costs.missing}</p>
      ) : (
        <>
          <div className="scroll" tabIndex={0} role="region" aria-label="Costliest statements">
            <table className="list">
              <thead>
                <tr>
                  <th scope="col">Statement</th>
                  <th scope="col" className="right">Of all time</th>
                  <th scope="col" className="right">In all</th>
                  <th scope="col" className="right">Calls</th>
                  <th scope="col" className="right">A call</th>
                  <th scope="col" className="right">Rows</th>
                </tr>
              </thead>
              <tbody>
                {costs?.costliest.map(({ text, calls, total, mean, rows, share }) => (
                  <tr key={text}>
                    <td className="wide"><code className="statement" title={text}>{text.trim()}</code></td>
                    <td className="right number">{share == null ? '' : `${(100 * share).toFixed(1)} %`}</td>
                    <td className="right number">{spoken(total / 1_000)}</td>
                    <td className="right number">{calls.toLocaleString('en')}</td>
                    <td className="right number">{mean.toFixed(mean < 10 ? 2 : 0)} ms</td>
                    <td className="right number">{rows.toLocaleString('en')}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <button type="button" onClick={reload} disabled={loading}>Look again</button>
        </>
      )}
    </section>
  );
}
