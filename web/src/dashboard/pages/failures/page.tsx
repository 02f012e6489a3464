/** What failed in a window of time, by kind. */
import { useMemo } from 'react';
import { Loading, Problem } from '../../components/ui';
import { ErrorGroups } from '../../generated/graphql';
import { useQuery } from '../../query';
import { useParameters } from '../../router';
import { WINDOWS, created } from '../executions/filter';
import { Groups } from './groups';

const MOST = 50;

export function FailuresPage() {
  const [parameters, change] = useParameters();
  const window = parameters.get('window') ?? 'P7D';
  const filter = useMemo(() => ({ createdAt: created(new URLSearchParams({ window }), Date.now()) }), [window]);
  const { data, error, loading, reload } = useQuery(ErrorGroups, { filter, first: MOST });
  return (
    <main>
      <div className="bar">
        <h1>Failures</h1>
        <select aria-label="Of executions created in" value={window} onChange={(event) => change({ window: event.target.value })}>
          {WINDOWS.filter(([value]) => value !== 'all').map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <Problem error={error} retry={reload} />
      {!data && loading && <Loading what="failures" />}
      {data && <Groups groups={data.errorGroups} within={{}} />}
    </main>
  );
}
