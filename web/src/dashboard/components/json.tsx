/** JSON to look at: a tree that opens where it is asked to, and nothing but text. */
import { useState } from 'react';
import { Copy } from './ui';

const OPEN_ENTRIES = 12;
const SHOWN_ENTRIES = 100;
const FLAT_ENTRIES = 100;
const SHOWN_CHARACTERS = 2_000;

export function Json({ value, label }: { value: unknown; label: string }) {
  if (value === null || value === undefined) return <span className="muted">none</span>;
  return (
    <div className="json">
      <Branch value={value} depth={0} />
      <Copy text={() => JSON.stringify(value, null, 2)} label={`Copy ${label} as JSON`} />
    </div>
  );
}

function Branch({ value, depth }: { value: unknown; depth: number }) {
  if (typeof value !== 'object' || value === null) return <Scalar value={value} />;
  const entries = Object.entries(value);
  if (!entries.length) return <code>{Array.isArray(value) ? '[]' : '{}'}</code>;
  if (Array.isArray(value) && value.length <= FLAT_ENTRIES && value.every((item) => typeof item === 'number' || typeof item === 'boolean')) {
    return <code className="v-number">[{value.join(', ')}]</code>;
  }
  return <Entries entries={entries} isArray={Array.isArray(value)} depth={depth} />;
}

function Entries({ entries, isArray, depth }: { entries: [string, unknown][]; isArray: boolean; depth: number }) {
  const [open, setOpen] = useState(depth < 1 || (depth < 2 && entries.length <= OPEN_ENTRIES));
  const [shown, setShown] = useState(SHOWN_ENTRIES);
  if (!open) {
    return (
      <button type="button" className="fold" onClick={() => setOpen(true)} aria-expanded="false">
        ▸ {isArray ? `[ ${entries.length} ]` : `{ ${entries.length} }`}
      </button>
    );
  }
  return (
    <>
      {depth > 0 && (
        <button type="button" className="fold" onClick={() => setOpen(false)} aria-expanded="true">
          ▾ {isArray ? `[ ${entries.length} ]` : `{ ${entries.length} }`}
        </button>
      )}
      <ul>
        {entries.slice(0, shown).map(([key, value]) => (
          <li key={key}>
            <span className="key">{key}</span> <Branch value={value} depth={depth + 1} />
          </li>
        ))}
        {entries.length > shown && (
          <li>
            <button type="button" className="fold" onClick={() => setShown(shown * 10)}>
              {entries.length - shown} more
            </button>
          </li>
        )}
      </ul>
    </>
  );
}

export function Scalar({ value }: { value: unknown }) {
  const [whole, setWhole] = useState(false);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text.length > SHOWN_CHARACTERS && !whole) {
    return (
      <span className={`v-${typeof value}`}>
        {text.slice(0, SHOWN_CHARACTERS)}…{' '}
        <button type="button" className="fold" onClick={() => setWhole(true)}>
          {text.length - SHOWN_CHARACTERS} more characters
        </button>
      </span>
    );
  }
  return <span className={`v-${value === null ? 'null' : typeof value}`}>{text}</span>;
}
