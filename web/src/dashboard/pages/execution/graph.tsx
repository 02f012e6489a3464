/** The steps of an execution and what each of them waited for. */
import { useMemo } from 'react';
import { Dag } from '../../components/dag';
import { Empty } from '../../components/ui';
import { type KnownStep, graphOf } from './graphmodel';
import type { Steps } from './steps';

interface Props {
  steps: Steps;
  defined: readonly KnownStep[];
  selected: string | null;
  select: (key: string | null) => void;
}

export function GraphTab({ steps, defined, selected, select }: Props) {
  const graph = useMemo(() => graphOf(steps.runs, defined), [steps.runs, defined]);
  if (!graph.nodes.size) return <Empty title="No step has been recorded yet" />;
  return (
    <section className="panel" aria-label="Graph">
      <Dag graph={graph} label="Graph of the steps" selected={selected} select={(key) => select(key !== null && graph.grouped ? (steps.runs.find((run) => graph.nodeOf(run.key) === key)?.key ?? null) : key)} />
    </section>
  );
}
