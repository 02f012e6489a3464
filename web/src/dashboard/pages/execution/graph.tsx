/** The steps of an execution and what each of them waited for. */
import { useMemo, useState } from 'react';
import { Dag } from '../../components/dag';
import { Empty } from '../../components/ui';
import { GROUPED_ABOVE, type KnownStep, graphOf } from './graphmodel';
import type { Steps } from './steps';

interface Props {
  steps: Steps;
  defined: readonly KnownStep[];
  selected: string | null;
  select: (key: string | null) => void;
}

export function GraphTab({ steps, defined, selected, select }: Props) {
  const [each, setEach] = useState(false);
  const graph = useMemo(() => graphOf(steps.runs, defined, each), [steps.runs, defined, each]);
  if (!graph.nodes.size) return <Empty title="No step has been recorded yet" />;
  return (
    <section className="panel stack" aria-label="Graph">
      {(graph.grouped || each) && (
        <div className="bar">
          <span className="muted">{graph.grouped ? 'Nodes stand for groups of steps with similar keys.' : 'Every step is a node.'}</span>
          {steps.runs.length <= GROUPED_ABOVE && (
            <button type="button" aria-pressed={each} className="choice" onClick={() => setEach(!each)}>
              Every step
            </button>
          )}
        </div>
      )}
      <Dag graph={graph} label="Graph of the steps" selected={selected} select={(key) => select(key !== null && graph.grouped ? (steps.runs.find((run) => graph.nodeOf(run.key) === key)?.key ?? null) : key)} />
    </section>
  );
}
