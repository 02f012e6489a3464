/** Answers as component state. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError, type Operation, ask } from './api';

export interface Answer<Data> {
  /** The newest answer; that to the variables before while the next one is under way. */
  data: Data | undefined;
  error: ApiError | undefined;
  loading: boolean;
  reload: () => void;
  change: (update: (data: Data) => Data) => void;
}

/** Ask when the variables change; null variables ask nothing. */
export function useQuery<Data, Variables extends object>(
  operation: Operation<Data, Variables>,
  variables: Variables | null,
): Answer<Data> {
  const [state, setState] = useState<{ data?: Data; error?: ApiError; loading: boolean }>({ loading: variables !== null });
  const [round, setRound] = useState(0);
  const key = JSON.stringify(variables);
  const current = useRef(0);
  useEffect(() => {
    if (variables === null) return;
    const mine = ++current.current;
    setState((state) => ({ ...state, loading: true }));
    ask(operation, variables).then(
      (data) => mine === current.current && setState({ data, loading: false }),
      (error: ApiError) => mine === current.current && setState((state) => ({ ...state, error, loading: false })),
    );
  }, [operation, key, round]);
  useEffect(() => () => void current.current++, []);
  const reload = useCallback(() => setRound((round) => round + 1), []);
  const change = useCallback(
    (update: (data: Data) => Data) => setState((state) => (state.data === undefined ? state : { ...state, data: update(state.data) })),
    [],
  );
  return { data: state.data, error: state.error, loading: state.loading, reload, change };
}

/** A function that runs at most once in `milliseconds`, and at last. */
export function useThrottled(run: () => void, milliseconds: number): () => void {
  const latest = useRef(run);
  latest.current = run;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const last = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    if (timer.current !== undefined) return;
    const wait = Math.max(0, last.current + milliseconds - Date.now());
    timer.current = setTimeout(() => {
      timer.current = undefined;
      last.current = Date.now();
      latest.current();
    }, wait);
  }, [milliseconds]);
}
