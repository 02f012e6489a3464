/** What is followed: subscriptions that go on behind the last item after every cut. */
import { type Client, createClient } from 'graphql-ws';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { type Operation, textOf } from './api';
import { noted } from './position';
import { authorization } from './session';

const FLUSH_MILLISECONDS = 100;
const LOOKS_MILLISECONDS = [1_000, 5_000];
const LONGEST_WAIT = 10_000;

export type Connection = 'idle' | 'connecting' | 'live' | 'lost';

let client: Client | null = null;
let connection: Connection = 'idle';
let following = 0;
const listeners = new Set<() => void>();

function become(next: Connection): void {
  if (next === connection) return;
  connection = next;
  for (const listener of listeners) listener();
}

function connected(): Client {
  if (client) return client;
  const url = new URL('/graphql', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  // Resuming is ours, by cursors: the library would start from the beginning again.
  client = createClient({ url: url.href, retryAttempts: 0, connectionParams: authorization });
  client.on('connecting', () => connection !== 'lost' && become('connecting'));
  client.on('connected', () => become('live'));
  return client;
}

interface Item {
  cursor: string;
}

/** The one field of a subscription's answer. */
function itemOf<T extends Item>(data: object): T {
  return Object.values(data)[0] as T;
}

/**
 * Follow a feed until the returned function is called. Items come in batches, at most ten a second.
 *
 * After a cut it resumes behind the last item; where there was none yet, `missed` is called, for something may
 * have happened meanwhile.
 */
export function follow<Data extends object, Variables extends object, T extends Item>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  heard: (items: T[]) => void,
  missed: () => void,
): () => void {
  let stopped = false;
  let cursor: string | undefined;
  let unsubscribe = () => {};
  let retry: ReturnType<typeof setTimeout> | undefined;
  let flush: ReturnType<typeof setTimeout> | undefined;
  let attempts = 0;
  let items: T[] = [];
  let looks: ReturnType<typeof setTimeout>[] = [];
  let text: string | undefined;

  const deliver = () => {
    flush = undefined;
    const batch = items;
    items = [];
    if (!stopped && batch.length) heard(batch);
  };
  const subscribe = () => {
    // Between the page's question and the feed's beginning something may have happened, and nobody tells when
    // that is: until the first item there is a look or two more.
    looks.forEach(clearTimeout);
    looks = cursor === undefined ? LOOKS_MILLISECONDS.map((after) => setTimeout(() => cursor === undefined && missed(), after)) : [];
    // Where to start is said by the cursor, once there is one.
    const place = cursor === undefined ? {} : { after: cursor, start: null };
    // The library wants a text; the service goes by the id where there is one.
    const named = text ? { query: text } : { query: '', documentId: operation.id };
    unsubscribe = connected().subscribe({ ...named, variables: { ...variables, ...place } }, {
      next: ({ data, errors, extensions }) => {
        noted(extensions);
        if (!data) return void (errors && console.warn(errors[0]?.message));
        attempts = 0;
        const item = itemOf<T>(data);
        cursor = item.cursor;
        items.push(item);
        flush ??= setTimeout(deliver, FLUSH_MILLISECONDS);
      },
      error: (error) => void again(error),
      complete: () => {},
    });
  };
  const again = async (error: unknown) => {
    if (stopped) return;
    const refused = Array.isArray(error) ? String(error[0]?.extensions?.code) : '';
    if (refused === 'PERSISTED_QUERY_NOT_FOUND' && !text) {
      text = await textOf(operation.id);
      return stopped ? undefined : subscribe();
    }
    if (refused) return console.warn(`${operation.name} can't be followed: ${refused}`);
    become('lost');
    const wait = Math.min(LONGEST_WAIT, 500 * 2 ** attempts) * (0.75 + Math.random() / 2);
    attempts += 1;
    retry = setTimeout(subscribe, wait);
  };

  following += 1;
  subscribe();
  return () => {
    stopped = true;
    looks.forEach(clearTimeout);
    following -= 1;
    clearTimeout(retry);
    clearTimeout(flush);
    unsubscribe();
    if (following === 0) become('idle');
  };
}

/** Follow a feed while the component is there and the tab is seen. */
export function useFeed<Data extends object, Variables extends object, T extends Item>(
  operation: Operation<Data, Variables>,
  variables: Variables | null,
  heard: (items: T[]) => void,
  missed: () => void,
): void {
  const latest = useRef({ heard, missed });
  latest.current = { heard, missed };
  const key = JSON.stringify(variables);
  const visible = useVisible();
  const wasHidden = useRef(false);
  useEffect(() => {
    if (!visible) wasHidden.current = true;
    if (variables === null || !visible) return;
    // What happened while nobody looked is asked for once.
    if (wasHidden.current) latest.current.missed();
    wasHidden.current = false;
    return follow<Data, Variables, T>(
      operation,
      variables,
      (items) => latest.current.heard(items),
      () => latest.current.missed(),
    );
  }, [operation, key, visible]);
}

/** Whether the tab is seen: one in the background asks nothing. */
export function useVisible(): boolean {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener('visibilitychange', listener);
      return () => document.removeEventListener('visibilitychange', listener);
    },
    () => !document.hidden,
  );
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => connection,
  );
}

/** Start with a new socket, which says who asks now. */
export function reconnect(): void {
  void client?.dispose();
  client = null;
}
