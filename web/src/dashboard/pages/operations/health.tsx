/** The service and its database, looked at every few seconds. */
import { useEffect } from 'react';
import { Loading, Problem } from '../../components/ui';
import { OperationsHealth } from '../../generated/graphql';
import { word } from '../../components/status';
import { spoken } from '../../lib/duration';
import { size } from '../../lib/sizes';
import { useVisible } from '../../live';
import { useQuery } from '../../query';
import { useMay } from '../../viewer';
import { Statements } from './statements';

const LOOK_MILLISECONDS = 5_000;

type Fact = [name: string, value: string, fine: boolean];

function readFrom({ state, reason, lagSeconds }: { state: string; reason?: string | null; lagSeconds?: number | null }): Fact {
  if (state !== 'IN_USE') return ['Replica', reason ?? word(state), false];
  return ['Replica', (lagSeconds ?? 0) < 1 ? 'up to date' : `${spoken(lagSeconds ?? 0)} behind`, true];
}

export function HealthTab() {
  const { data, error, reload } = useQuery(OperationsHealth, {});
  const visible = useVisible();
  const mayRule = useMay('ADMIN');
  useEffect(() => {
    if (!visible) return;
    const timer = setInterval(reload, LOOK_MILLISECONDS);
    return () => clearInterval(timer);
  }, [visible, reload]);
  if (error && !data) return <Problem error={error} retry={reload} />;
  if (!data) return <Loading what="the service's health" />;
  const { version, database, logSearch, replica, feeds } = data.health;
  const facts: Fact[] = [
    ['Flowkeep', version, true],
    ['PostgreSQL', database.version, true],
    ['Role', database.role.toLowerCase(), database.role === 'PRIMARY'],
    ['Schema', database.revision === database.expectedRevision ? `${database.revision}` : `${database.revision}, needs ${database.expectedRevision}`, database.revision === database.expectedRevision],
    ['Round trip', `${database.latency.toFixed(1)} ms`, database.latency < 50],
    ['Connections', `${database.pool.inUse} of ${database.pool.size} in use`, database.pool.inUse < database.pool.size],
    ['Oldest transaction', database.oldestTransaction == null ? 'none' : spoken(database.oldestTransaction), (database.oldestTransaction ?? 0) < 3_600],
    ...(replica ? [readFrom(replica)] : []),
    ['Partitions', `${database.partitions}, of which ${database.partitionsAhead} ahead`, database.partitionsAhead > 0],
    ['Log search', logSearch?.missing ? 'row by row' : `${logSearch?.indexed} of ${logSearch?.past} past partitions indexed`, logSearch?.missing != null || logSearch?.indexed === logSearch?.past],
    ['Live feeds', `${feeds.followers} followed, ${feeds.lag < 1 ? 'up to date' : `${spoken(feeds.lag)} behind`}`, feeds.lag < 10],
  ];
  return (
    <div className="stack">
      <Problem error={error} retry={reload} />
      <dl className="facts panel">
        {facts.map(([name, value, fine]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="number">
              {!fine && <strong className="s-FAILED">! </strong>}
              {value}
            </dd>
          </div>
        ))}
      </dl>
      <section className="panel">
        <h2>Tables, with their partitions and indexes</h2>
        <div className="scroll" tabIndex={0} role="region" aria-label="Tables">
          <table className="list">
            <thead>
              <tr>
                <th scope="col">Table</th>
                <th scope="col" className="right">On disk</th>
                <th scope="col" className="right">Rows, about</th>
                <th scope="col" className="right">Dead rows</th>
              </tr>
            </thead>
            <tbody>
              {database.tables.map(({ name, bytes, liveRows, deadRows }) => (
                <tr key={name}>
                  <td>{name}</td>
                  <td className="right number">{size(bytes)}</td>
                  <td className="right number">{liveRows.toLocaleString('en')}</td>
                  <td className="right number">{deadRows.toLocaleString('en')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
      {mayRule && <Statements />}
    </div>
  );
}
