/** Who is signed in: a token, kept in this tab until it is closed. */
import { useSyncExternalStore } from 'react';

const KEY = 'flowkeep.token';

interface Session {
  token: string | null;
  /** Why a token is asked for; null while none is. */
  asked: string | null;
}

let session: Session = { token: sessionStorage.getItem(KEY), asked: null };
const listeners = new Set<() => void>();

function become(next: Session): void {
  session = next;
  if (next.token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, next.token);
  for (const listener of listeners) listener();
}

/** The header that says who asks. */
export function authorization(): Record<string, string> {
  return session.token === null ? {} : { Authorization: `Bearer ${session.token}` };
}

/** Try a token from now on. */
export function signIn(token: string): void {
  become({ token, asked: null });
}

/** Forget the token. */
export function signOut(): void {
  become({ token: null, asked: 'You are signed out.' });
}

/** The service wants a token, or another one. */
export function signedOut(reason: string): void {
  if (session.asked !== null) return;
  const asked = session.token === null && reason.startsWith('Who asks?') ? 'This service asks who you are.' : reason;
  become({ token: null, asked });
}

export function useSession(): Session {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => session,
  );
}
