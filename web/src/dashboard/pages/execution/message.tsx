/** A log message: its terminal's colours, and nothing but text. */
import { useMemo } from 'react';
import { pieces } from '../../lib/ansi';

const MOST = 4_000;

export function Message({ text, whole = false }: { text: string; whole?: boolean }) {
  const shown = useMemo(() => pieces(whole || text.length <= MOST ? text : `${text.slice(0, MOST)}…`), [text, whole]);
  return (
    <span className="text">
      {shown.map(({ text, look }, index) => (look ? <span key={index} className={look}>{text}</span> : text))}
    </span>
  );
}
