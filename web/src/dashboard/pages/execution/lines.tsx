/** Rows of a log, of which only those in sight are on the page. */
import { type Virtualizer, useVirtualizer } from '@tanstack/react-virtual';
import { type RefObject, memo, useEffect, useRef, useState } from 'react';
import type { LogLineFragment } from '../../generated/graphql';
import { Json } from '../../components/json';
import { Copy } from '../../components/ui';
import { plain } from '../../lib/ansi';
import { useZone } from '../../lib/preferences';
import { absolute, parts, relative } from '../../lib/time';
import { Message } from './message';

export const ROW = 20;

interface LinesProps {
  count: number;
  line: (index: number) => LogLineFragment | undefined;
  times: 'absolute' | 'relative';
  beginning: string;
  /** The index of the line that was asked for. */
  marked: number | null;
  /** Whether new lines are followed: then the end is kept in sight. */
  tail: boolean;
  /** Called with the rows in sight when they change. */
  seen: (first: number, last: number) => void;
  /** Called when the reader leaves the end, or comes back to it. */
  atEnd: (yes: boolean) => void;
  around?: ((seq: number) => void) | undefined;
  narrow?: ((stepKey: string) => void) | undefined;
  scroller?: RefObject<HTMLDivElement | null>;
}

export function Lines({ count, line, times, beginning, marked, tail, seen, atEnd, around, narrow, scroller: given }: LinesProps) {
  const own = useRef<HTMLDivElement>(null);
  const scroller = given ?? own;
  const zone = useZone();
  const [open, setOpen] = useState<number | null>(null);
  const virtual: Virtualizer<HTMLDivElement, Element> = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 20 });
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => {
    seen(first, last);
  }, [first, last, count]);
  useEffect(() => {
    if (marked !== null) virtual.scrollToIndex(marked, { align: 'center' });
  }, [marked]);
  useEffect(() => {
    const element = scroller.current;
    if (tail && marked === null && element) element.scrollTop = element.scrollHeight;
  }, [count, tail]);
  const shown = open === null ? undefined : line(open);
  const turn = (event: React.KeyboardEvent) => {
    if (event.key === 'Escape') return setOpen(null);
    const by = { ArrowDown: 1, ArrowUp: -1, Enter: 0 }[event.key];
    if (by === undefined || (open === null && by !== 0)) return;
    event.preventDefault();
    const next = open === null ? virtual.range?.startIndex ?? 0 : Math.min(count - 1, Math.max(0, open + by));
    setOpen(next);
    virtual.scrollToIndex(next, { align: 'auto' });
  };
  return (
    <>
      <div
        ref={scroller}
        className="lines"
        tabIndex={0}
        role="log"
        aria-label="Lines of the log; Enter opens one, arrows go to others"
        aria-live="off"
        onKeyDown={turn}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => atEnd(scrollHeight - scrollTop - clientHeight < ROW * 1.5)}
      >
        <div className="all" style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start }) => (
            <Row
              key={index}
              index={index}
              top={start}
              line={line(index)}
              time={times}
              zone={zone}
              beginning={beginning}
              marked={index === marked || index === open}
              show={setOpen}
            />
          ))}
        </div>
      </div>
      {shown && (
        <div className="whole-line" role="group" aria-label={`Line ${shown.seq}`}>
          <header>
            <strong className="number">Line {shown.seq}</strong> <span className={`level l-${shown.level}`}>{shown.level}</span>
            <span className="number muted">{absolute(Date.parse(shown.loggedAt), zone, { milliseconds: true })}</span>
            {shown.step && narrow && (
              <button type="button" className="quiet" onClick={() => narrow(shown.step?.key ?? '')}>
                Only {shown.step.key}
              </button>
            )}
            {around && (
              <button type="button" className="quiet" onClick={() => around(shown.seq)}>
                Lines around it
              </button>
            )}
            <Copy text={plain(shown.message)} label="Copy the message" />
            <button type="button" className="quiet" onClick={() => setOpen(null)} aria-label="Close the line">
              ✕
            </button>
          </header>
          <pre tabIndex={0}>
            <Message text={shown.message} whole />
          </pre>
          {shown.fields && <Json value={shown.fields} label="its fields" />}
        </div>
      )}
    </>
  );
}

interface RowProps {
  index: number;
  top: number;
  line: LogLineFragment | undefined;
  time: 'absolute' | 'relative';
  zone: string;
  beginning: string;
  marked: boolean;
  show: (index: number) => void;
}

const Row = memo(function Row({ index, top, line, time, zone, beginning, marked, show }: RowProps) {
  const style = { transform: `translateY(${top}px)` };
  if (!line) return <div className="log-line waiting" style={style} />;
  const moment = Date.parse(line.loggedAt);
  const { time: clock, offset } = parts(moment, zone);
  const newline = line.message.indexOf('\n');
  return (
    <div className={`log-line l-${line.level}${marked ? ' marked' : ''}`} style={style} onClick={() => show(index)}>
      <span className="seq">{line.seq}</span>
      <span className="when" title={absolute(moment, zone, { milliseconds: true })}>
        {time === 'absolute' ? `${clock} ${offset}` : relative(moment, Date.parse(beginning))}
      </span>
      <span className="level">{line.level}</span>
      <span className="of">{line.step?.key ?? ''}</span>
      <Message text={newline < 0 ? line.message : `${line.message.slice(0, newline)} ⏎`} />
    </div>
  );
});

/** Lines as text, for the clipboard: as a reader sees them, without colours. */
export function asText(lines: readonly (LogLineFragment | undefined)[]): string {
  return lines.flatMap((line) => (line ? [`${line.loggedAt} ${line.level} ${line.step?.key ?? '-'} ${plain(line.message)}`] : [])).join('\n');
}
