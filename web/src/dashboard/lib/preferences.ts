/** What a visitor chose for good, kept by the browser. */
import { useSyncExternalStore } from 'react';
import { LOCAL, isZone } from './time';

const KEY = 'flowkeep.zone';
const listeners = new Set<() => void>();

function stored(): string {
  const zone = localStorage.getItem(KEY);
  return zone !== null && isZone(zone) ? zone : LOCAL;
}

let zone = stored();

/** Show times in this zone from now on. */
export function chooseZone(chosen: string): void {
  zone = chosen;
  localStorage.setItem(KEY, chosen);
  for (const listener of listeners) listener();
}

/** The zone that times are shown in. */
export function useZone(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => zone,
  );
}
