/** The address: a path for the page, and parameters for what it shows. */
import { useCallback, useMemo, useSyncExternalStore } from 'react';

const CHANGED = 'flowkeep:address';

/** Go to an address of this site. */
export function navigate(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  dispatchEvent(new Event(CHANGED));
}

function listen(listener: () => void): () => void {
  addEventListener('popstate', listener);
  addEventListener(CHANGED, listener);
  return () => {
    removeEventListener('popstate', listener);
    removeEventListener(CHANGED, listener);
  };
}

export function usePath(): string {
  return useSyncExternalStore(listen, () => location.pathname);
}

export type Parameters = Record<string, string | null>;

/** The address's parameters, and a function that changes some; null takes one away. */
export function useParameters(): [URLSearchParams, (changes: Parameters, options?: { replace?: boolean }) => void] {
  const search = useSyncExternalStore(listen, () => location.search);
  const parameters = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback((changes: Parameters, { replace = true } = {}) => {
    navigate(withParameters(location.pathname + location.search, changes), { replace });
  }, []);
  return [parameters, change];
}

/** An address with other parameters. */
export function withParameters(address: string, changes: Parameters): string {
  const [path = '/', search = ''] = address.split('?');
  const parameters = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') parameters.delete(name);
    else parameters.set(name, value);
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}
