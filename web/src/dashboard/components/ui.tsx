/** Small pieces that every page uses. */
import type { MouseEvent, ReactNode } from 'react';
import { useEffect, useRef, useState } from 'react';
import { type ApiError, download } from '../api';
import { navigate } from '../router';

/** A link within the dashboard. */
export function Link({ to, children, ...rest }: { to: string; children: ReactNode } & React.AnchorHTMLAttributes<HTMLAnchorElement>) {
  const follow = (event: MouseEvent) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a {...rest} href={to} onClick={follow}>
      {children}
    </a>
  );
}

/** What went wrong, and a way to try again. */
export function Problem({ error, retry }: { error: ApiError | undefined; retry?: () => void }) {
  if (!error) return null;
  return (
    <div className="problem" role="alert">
      <span>
        <strong>{error.code === 'FORBIDDEN' ? 'Not allowed' : error.code === 'NOT_FOUND' ? 'Not found' : 'This did not work'}.</strong> {error.message}
      </span>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** What stands where there is nothing yet. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** A sign that something is on its way; only seen when it takes a while. */
export function Loading({ what }: { what: string }) {
  return (
    <p className="loading" role="status">
      Loading {what}…
    </p>
  );
}

/** Copies text when it is pressed. */
export function Copy({ text, label }: { text: string | (() => string); label: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    await navigator.clipboard.writeText(typeof text === 'string' ? text : text());
    setCopied(true);
  };
  return (
    <button type="button" className="quiet" onClick={() => void copy()} title={label} aria-label={label}>
      {copied ? 'Copied' : 'Copy'}
    </button>
  );
}

/** Keeps a file of an execution when it is pressed. */
export function Download({ id, name, label }: { id: string; name: 'log.txt' | 'execution.ndjson'; label: string }) {
  const [state, setState] = useState('');
  const keep = async () => {
    setState('Downloading…');
    setState(await download(id, name).then(() => '', (error: Error) => error.message));
  };
  return (
    <button type="button" className="quiet" onClick={() => void keep()}>
      {state || label}
    </button>
  );
}

/** A window over the page, which Escape closes. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-label={title} onCancel={(event) => { event.preventDefault(); close(); }}>
      <header>
        <h2>{title}</h2>
        <button type="button" className="quiet" onClick={close} aria-label="Close">
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}

/** Pages of one thing: tabs whose choice is in the address. */
export function Tabs({ tabs, chosen, choose }: { tabs: readonly (readonly [string, string])[]; chosen: string; choose: (name: string) => void }) {
  return (
    <div className="tabs" role="tablist">
      {tabs.map(([name, label]) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`tab-${name}`}
          aria-selected={name === chosen}
          tabIndex={name === chosen ? 0 : -1}
          onClick={() => choose(name)}
          onKeyDown={(event) => {
            const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
            if (!by) return;
            const at = (tabs.findIndex(([one]) => one === chosen) + by + tabs.length) % tabs.length;
            const next = tabs[at]?.[0] ?? chosen;
            choose(next);
            document.getElementById(`tab-${next}`)?.focus();
          }}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
