/** What an execution was given, and what it came to. */
import { Json } from '../../components/json';
import { Download, Loading, Problem } from '../../components/ui';
import { ExecutionData, type ExecutionHeadFragment } from '../../generated/graphql';
import { useQuery } from '../../query';

export function DataTab({ id, execution }: { id: string; execution: ExecutionHeadFragment }) {
  const { data, error, reload } = useQuery(ExecutionData, { id });
  if (error) return <Problem error={error} retry={reload} />;
  if (!data) return <Loading what="input and result" />;
  const parts: [string, unknown][] = [
    ['Input', data.execution?.input],
    ['Result', data.execution?.result],
    ['Attributes', execution.attributes],
    ['Error', execution.error],
  ];
  return (
    <div className="stack">
      <p>
        <Download id={id} name="execution.ndjson" label="Download all of it, as JSON lines" />
      </p>
      <div className="columns">
      {parts.map(([name, value]) => (
        <section key={name} className="panel">
          <h2>{name}</h2>
          <Json value={value} label={name.toLowerCase()} />
        </section>
      ))}
      </div>
    </div>
  );
}
