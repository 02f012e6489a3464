/** The steps of an execution: loaded page by page, then kept up to date by its events. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { type ApiError, ask } from '../../api';
import { ExecutionFollowed, ExecutionSteps } from '../../generated/graphql';
import { useFeed } from '../../live';
import { type StepRow, type StepRuns, byStep } from './runs';

export interface Steps {
  runs: StepRuns[];
  /** How many attempts there are. */
  attempts: number;
  complete: boolean;
  error: ApiError | undefined;
}

/** Load the steps, follow their changes, and call `changed` with the types of what happened. */
export function useSteps(id: string, changed: (types: string[]) => void): Steps {
  const rows = useRef(new Map<number, StepRow>());
  const [state, setState] = useState<Steps>({ runs: [], attempts: 0, complete: false, error: undefined });
  const [round, setRound] = useState(0);

  const show = useCallback((complete?: boolean) => {
    const attempts = [...rows.current.values()].sort((a, b) => a.seq - b.seq);
    setState((state) => ({ runs: byStep(attempts), attempts: attempts.length, complete: complete ?? state.complete, error: undefined }));
  }, []);

  useEffect(() => {
    let gone = false;
    const load = async () => {
      let after: string | null | undefined;
      for (let more = true; more && !gone; ) {
        const { execution } = await ask(ExecutionSteps, { id, after: after ?? null });
        if (gone || !execution) return;
        for (const node of execution.steps.nodes) rows.current.set(node.seq, node);
        more = execution.steps.pageInfo.hasNextPage;
        after = execution.steps.pageInfo.endCursor;
        // The first page is shown at once, the rest when it is whole: drawing costs more than asking.
        if (!more || rows.current.size <= 500) show(!more);
      }
    };
    load().catch((error: ApiError) => !gone && setState((state) => ({ ...state, error })));
    return () => {
      gone = true;
    };
  }, [id, round, show]);

  useFeed(
    ExecutionFollowed,
    { id, start: 'NOW' as const },
    (items: { cursor: string; event: { type: string; step?: StepRow | null } }[]) => {
      const touched = items.flatMap(({ event }) => (event.step ? [event.step] : []));
      for (const step of touched) rows.current.set(step.seq, step);
      if (touched.length) show();
      // A recovery makes new attempts without an event for each of them.
      if (items.some(({ event }) => event.type === 'EXECUTION_RECOVERED')) setRound((round) => round + 1);
      changed(items.map(({ event }) => event.type));
    },
    () => {
      setRound((round) => round + 1);
      changed(['MISSED']);
    },
  );
  return state;
}
