/** What stands in the place of executions where there are none: how to get some. */
import { Empty } from '../../components/ui';
import { WorkflowNames } from '../../generated/graphql';
import { useQuery } from '../../query';

export function NothingMatches({ clear }: { clear: () => void }) {
  return (
    <Empty title="No execution matches">
      <p>There may be some in another time, or with another status.</p>
      <button type="button" onClick={clear}>
        Clear all filters
      </button>
    </Empty>
  );
}

export function NoExecutions() {
  const { data } = useQuery(WorkflowNames, {});
  if (!data) return null;
  const [first] = data.workflows.nodes;
  return first ? (
    <Empty title="Nothing ran in the last 30 days">
      <p>
        <code>{first.name}</code> can run: an engine creates an execution with <code>createExecution</code>.
      </p>
      <p>
        <a href="?window=all">Look at all time</a>
      </p>
    </Empty>
  ) : (
    <Empty title="No workflows yet">
      <p>Two commands bring some in. Workflows that run now, with retries, failures and a fork:</p>
      <pre>make demo</pre>
      <p>Or an execution of the past, from a trace:</p>
      <pre>.venv/bin/flowkeep import wfformat examples/nightly-report.json</pre>
    </Empty>
  );
}
