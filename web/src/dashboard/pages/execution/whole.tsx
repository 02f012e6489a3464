/** The whole log: a row for every line there is, loaded where the reader looks. */
import { useCallback, useEffect, useReducer, useRef, useState } from 'react';
import { type ApiError, ask } from '../../api';
import { Copy, Empty, Loading, Problem } from '../../components/ui';
import { LogEnd, LogFollowed, type LogLineFragment, LogStretch } from '../../generated/graphql';
import { BLOCK, LogStore } from '../../lib/logstore';
import { useFeed } from '../../live';
import { useQuery } from '../../query';
import { Lines, asText } from './lines';
import type { LogProps } from './logs';

const SETTLE_MILLISECONDS = 60;

export function WholeLog({ id, beginning, running, times, line, narrow }: LogProps & { line: number | null; narrow: (key: string) => void }) {
  const store = useRef(new LogStore<LogLineFragment>());
  const asked = useRef(new Set<number>());
  const sight = useRef<[number, number]>([0, 0]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [end, setEnd] = useState<number | null>(null);
  const [tail, setTail] = useState(line === null);
  const [unseen, setUnseen] = useState(0);
  const [error, setError] = useState<ApiError>();
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const newest = useQuery(LogEnd, { id });
  const known = newest.data?.execution?.logs.nodes[0]?.seq ?? (newest.data ? 0 : null);
  useEffect(() => {
    if (known !== null) setEnd((end) => Math.max(end ?? 0, known));
  }, [known]);

  const load = useCallback(() => {
    const [first, last] = sight.current;
    const total = end ?? 0;
    for (const number of store.current.missing(first + 1, last + 1, total)) {
      if (asked.current.has(number)) continue;
      asked.current.add(number);
      ask(LogStretch, { id, from: number * BLOCK + 1, to: (number + 1) * BLOCK })
        .then(({ execution }) => {
          store.current.fill(number, execution?.logs.nodes ?? [], total);
          setError(undefined);
          redraw();
        }, setError)
        .finally(() => asked.current.delete(number));
    }
  }, [id, end]);
  const seen = useCallback(
    (first: number, last: number) => {
      sight.current = [first, last];
      // While somebody scrolls through a million lines, nothing is asked for that is only passed by.
      clearTimeout(timer.current);
      timer.current = setTimeout(load, SETTLE_MILLISECONDS);
    },
    [load],
  );
  useEffect(() => () => clearTimeout(timer.current), []);

  useFeed(
    LogFollowed,
    running || newest.data ? { id, start: 'NOW' as const } : null,
    (items: { cursor: string; entry: LogLineFragment }[]) => {
      const entries = items.map(({ entry }) => entry);
      store.current.add(entries);
      setEnd((end) => Math.max(end ?? 0, entries.at(-1)?.seq ?? 0));
      if (!tail) setUnseen((unseen) => unseen + entries.length);
    },
    newest.reload,
  );
  if (newest.error) return <Problem error={newest.error} retry={newest.reload} />;
  if (end === null) return <Loading what="the log" />;
  if (end === 0) return <Empty title="Nothing was logged">{running && <p>Lines appear here as they are written.</p>}</Empty>;
  return (
    <div className="log-frame">
      <Problem error={error} retry={load} />
      <Lines
        count={end}
        line={(index) => store.current.get(index + 1)}
        times={times}
        beginning={beginning}
        marked={line === null ? null : Math.min(line, end) - 1}
        tail={tail}
        seen={seen}
        atEnd={(yes) => {
          setTail(yes);
          if (yes) setUnseen(0);
        }}
        narrow={narrow}
      />
      <p className="log-foot">
        <span className="number muted">{end.toLocaleString('en')} lines</span>
        <Copy label="Copy the lines in sight" text={() => asText(range(sight.current).map((index) => store.current.get(index + 1)))} />
        {!tail && (
          <button type="button" className="primary" onClick={() => setTail(true)}>
            Jump to newest{unseen ? ` (${unseen} new)` : ''} ↓
          </button>
        )}
        {tail && running && <span className="muted">following</span>}
      </p>
    </div>
  );
}

function range([first, last]: [number, number]): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
