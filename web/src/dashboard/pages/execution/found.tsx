/** The lines of a log that a search finds, the newest first to be there. */
import { useEffect, useRef, useState } from 'react';
import { type ApiError, ask } from '../../api';
import { Copy, Empty, Loading, Problem } from '../../components/ui';
import { type LogFilter, LogFollowed, LogFound, type LogLineFragment } from '../../generated/graphql';
import { useFeed } from '../../live';
import { Lines, ROW, asText } from './lines';
import type { LogProps } from './logs';

const PAGE = 500;
const MOST = 50_000;

export function FoundLog({ id, beginning, running, times, filter, around }: LogProps & { filter: LogFilter; around: (seq: number) => void }) {
  const [lines, setLines] = useState<LogLineFragment[] | null>(null);
  const [before, setBefore] = useState<string | null>(null);
  const [error, setError] = useState<ApiError>();
  const [tail, setTail] = useState(true);
  const loading = useRef(false);
  const scroller = useRef<HTMLDivElement>(null);

  const load = async (cursor: string | null) => {
    if (loading.current) return;
    loading.current = true;
    try {
      const { execution } = await ask(LogFound, { id, filter, last: PAGE, before: cursor });
      const { nodes = [], pageInfo } = execution?.logs ?? {};
      setLines((lines) => [...nodes, ...(lines ?? [])]);
      setBefore(pageInfo?.hasPreviousPage ? (pageInfo.startCursor ?? null) : null);
      setError(undefined);
      // What comes before must not move what is looked at.
      const element = scroller.current;
      if (cursor && element) requestAnimationFrame(() => (element.scrollTop += nodes.length * ROW));
    } catch (problem) {
      setError(problem as ApiError);
    } finally {
      loading.current = false;
    }
  };
  useEffect(() => void load(null), []);

  const text = filter.text?.toLowerCase();
  useFeed(
    LogFollowed,
    running ? { id, start: 'NOW' as const, stepKey: filter.stepKey ?? null, minLevel: filter.minLevel ?? null } : null,
    (items: { cursor: string; entry: LogLineFragment }[]) => {
      const entries = items.map(({ entry }) => entry).filter(({ message }) => !text || message.toLowerCase().includes(text));
      if (entries.length) setLines((lines) => newer(lines ?? [], entries).slice(-MOST));
    },
    () => {
      setLines(null);
      void load(null);
    },
  );
  if (error && !lines) return <Problem error={error} retry={() => void load(null)} />;
  if (!lines) return <Loading what="what was found" />;
  if (!lines.length) return <Empty title="No line matches">{running && <p>New ones will appear here.</p>}</Empty>;
  return (
    <div className="log-frame">
      <Problem error={error} />
      <Lines
        count={lines.length}
        line={(index) => lines[index]}
        times={times}
        beginning={beginning}
        marked={null}
        tail={tail}
        seen={(first) => {
          if (first < 30 && before && lines.length < MOST) void load(before);
        }}
        atEnd={setTail}
        around={around}
        scroller={scroller}
      />
      <p className="log-foot">
        <span className="number muted">
          {lines.length.toLocaleString('en')}
          {before ? '+' : ''} matching lines
        </span>
        <Copy label="Copy the matching lines" text={() => asText(lines)} />
        {!tail && (
          <button type="button" className="primary" onClick={() => setTail(true)}>
            Jump to newest ↓
          </button>
        )}
      </p>
    </div>
  );
}

/** The lines with newer ones behind them, none twice. */
function newer(lines: LogLineFragment[], entries: LogLineFragment[]): LogLineFragment[] {
  const last = lines.at(-1)?.seq ?? 0;
  return [...lines, ...entries.filter(({ seq }) => seq > last)];
}
