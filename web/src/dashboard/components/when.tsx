/** Moments and lengths of time as they are shown everywhere. */
import { useEffect, useState } from 'react';
import { length, spoken } from '../lib/duration';
import { absolute, ago } from '../lib/time';
import { useZone } from '../lib/preferences';
import { useVisible } from '../live';

/** The present, once a second while the tab is seen. */
export function useNow(moving = true): number {
  const [now, setNow] = useState(Date.now);
  const visible = useVisible();
  useEffect(() => {
    if (!moving || !visible) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [moving, visible]);
  return now;
}

/** A moment, absolute, with its offset. */
export function When({ at, milliseconds = false }: { at: string | null | undefined; milliseconds?: boolean }) {
  const zone = useZone();
  if (!at) return <span className="muted">–</span>;
  return (
    <time dateTime={at} className="number">
      {absolute(Date.parse(at), zone, { milliseconds })}
    </time>
  );
}

/** How long ago, with the moment itself on hovering. */
export function Ago({ at, now }: { at: string | null | undefined; now: number }) {
  const zone = useZone();
  if (!at) return <span className="muted">–</span>;
  return (
    <time dateTime={at} title={absolute(Date.parse(at), zone)} className="number">
      {ago(Date.parse(at), now)}
    </time>
  );
}

/** How long something took, or takes by now. */
export function Lasted({ of, now }: { of: { startedAt?: string | null; completedAt?: string | null; duration?: string | null }; now: number }) {
  if (of.duration != null) return <span className="number">{length(of.duration)}</span>;
  if (!of.startedAt || of.completedAt) return <span className="muted">–</span>;
  return <span className="number going">{spoken(Math.max(0, Math.floor((now - Date.parse(of.startedAt)) / 1000)))}</span>;
}
