/** Who looks at the page, and what they may do. */
import { createContext, useContext } from 'react';
import type { Scope, ViewerQuery } from './generated/graphql';

export type Viewer = ViewerQuery['viewer'];

export const ViewerContext = createContext<Viewer>({ name: '', scopes: [], isAuthenticated: false });

export function useViewer(): Viewer {
  return useContext(ViewerContext);
}

/** Whether the viewer has a scope; ADMIN has all. */
export function useMay(scope: Scope): boolean {
  const { scopes } = useViewer();
  return scopes.includes(scope) || scopes.includes('ADMIN');
}
