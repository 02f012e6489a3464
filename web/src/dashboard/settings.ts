/** What the service tells its page. */

export interface Settings {
  /** Whether GraphiQL is there. */
  graphiql?: boolean;
  /** The provider that can sign people in. */
  oidc?: { issuer: string; clientId: string; scope: string };
}

export const settings: Settings = JSON.parse(document.querySelector<HTMLMetaElement>('meta[name=flowkeep]')?.content ?? '{}');
