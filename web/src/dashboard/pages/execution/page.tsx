/** One execution: its head, and everything that is known of it in tabs. */
import { Suspense, lazy, useCallback, useEffect, useMemo } from 'react';
import { Loading, Problem, Tabs } from '../../components/ui';
import { useNow } from '../../components/when';
import { DefinedSteps, ExecutionHeader } from '../../generated/graphql';
import { useKeys } from '../../lib/keys';
import { useQuery, useThrottled } from '../../query';
import { useParameters } from '../../router';
import { Head } from './head';
import { culprit } from './runs';
import { useSteps } from './steps';
import { Timeline } from './timeline';
import { StepPanel } from './panel';

const GraphTab = lazy(async () => ({ default: (await import('./graph')).GraphTab }));
const CheckpointsTab = lazy(async () => ({ default: (await import('./checkpoints')).CheckpointsTab }));
const MetricsTab = lazy(async () => ({ default: (await import('./metrics')).MetricsTab }));
const LogsTab = lazy(async () => ({ default: (await import('./logs')).LogsTab }));
const StateTab = lazy(async () => ({ default: (await import('./state')).StateTab }));
const HistoryTab = lazy(async () => ({ default: (await import('./history')).HistoryTab }));
const DataTab = lazy(async () => ({ default: (await import('./data')).DataTab }));

const TABS = [
  ['timeline', 'Timeline'],
  ['graph', 'Graph'],
  ['logs', 'Logs'],
  ['state', 'State'],
  ['checkpoints', 'Checkpoints'],
  ['history', 'History'],
  ['metrics', 'Metrics'],
  ['data', 'Input and result'],
] as const;

const NONE: never[] = [];

export function ExecutionPage({ id }: { id: string }) {
  const [parameters, change] = useParameters();
  const header = useQuery(ExecutionHeader, { id });
  const execution = header.data?.execution;
  const ended = execution?.completedAt != null;
  const now = useNow(!ended);
  const again = useThrottled(header.reload, 500);
  const steps = useSteps(id, again);
  const tab = TABS.find(([name]) => name === parameters.get('tab'))?.[0] ?? 'timeline';
  const defined = useQuery(DefinedSteps, tab === 'graph' ? { id } : null);
  const chosen = parameters.get('step');
  const suspect = ended && execution?.status !== 'COMPLETED' ? culprit(steps.runs) : undefined;
  const shown = steps.runs.find(({ key }) => key === chosen) ?? (chosen === null ? suspect : undefined);

  const keys = useMemo(() => steps.runs.map(({ key }) => key), [steps.runs]);
  const select = useCallback((key: string | null) => change({ step: key }), [change]);
  const open = (name: string) => change({ tab: name === 'timeline' ? null : name }, { replace: false });
  const move = (by: number) => () => {
    const at = (TABS.findIndex(([name]) => name === tab) + by + TABS.length) % TABS.length;
    open((TABS[at] ?? TABS[0])[0]);
  };
  useKeys({ '[': move(-1), ']': move(1) });
  useEffect(() => {
    document.title = execution ? `${execution.workflow.name}: ${execution.status.toLowerCase()}` : 'Flowkeep';
    return () => {
      document.title = 'Flowkeep';
    };
  }, [execution?.workflow.name, execution?.status]);

  if (header.error && !execution) {
    return (
      <main>
        <Problem error={header.error} retry={header.reload} />
      </main>
    );
  }
  if (!execution) return <Loading what="the execution" />;
  const panel = shown && <StepPanel key={shown.key} id={id} runs={shown} now={now} close={() => select(chosen === null ? '' : null)} />;
  const body = {
    timeline: (
      <div className="beside">
        <Timeline steps={steps} now={now} execution={execution} selected={shown?.key ?? null} select={select} />
        {panel}
      </div>
    ),
    graph: (
      <div className="beside">
        <GraphTab steps={steps} defined={defined.data?.execution?.workflow.steps ?? NONE} selected={shown?.key ?? null} select={select} />
        {panel}
      </div>
    ),
    checkpoints: <CheckpointsTab id={id} reload={header.reload} />,
    metrics: <MetricsTab id={id} />,
    logs: <LogsTab id={id} beginning={execution.startedAt ?? execution.createdAt} running={!ended} steps={keys} />,
    state: <StateTab id={id} version={execution.state.version} />,
    history: <HistoryTab id={id} ended={ended} />,
    data: <DataTab id={id} execution={execution} />,
  }[tab];
  return (
    <main className="execution">
      <Head execution={execution} now={now} suspect={suspect} reload={header.reload} />
      <Tabs tabs={TABS} chosen={tab} choose={open} />
      <div role="tabpanel" aria-labelledby={`tab-${tab}`} className="tabpanel">
        <Suspense fallback={<Loading what={tab} />}>{body}</Suspense>
      </div>
    </main>
  );
}
