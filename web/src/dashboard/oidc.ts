/** Signing in at an OpenID Connect provider: the code flow with PKCE, as a public client. */
import { signIn } from './session';
import type { Settings } from './settings';

type Provider = NonNullable<Settings['oidc']>;

const KEY = 'flowkeep.signing-in';

interface Begun {
  state: string;
  verifier: string;
  /** Where the visitor was. */
  from: string;
}

/** Bytes as base64url without padding. */
export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** The challenge of a verifier (RFC 7636, S256). */
export async function challengeOf(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

async function endpoints({ issuer }: Provider): Promise<{ authorization_endpoint: string; token_endpoint: string }> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (!response.ok) throw new Error(`The provider does not tell how to sign in: HTTP ${response.status}.`);
  return response.json();
}

const redirect = () => `${location.origin}/`;
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Go to the provider, and come back to `finishSignIn`. */
export async function beginSignIn(provider: Provider | undefined): Promise<void> {
  if (!provider) return;
  const { authorization_endpoint: address } = await endpoints(provider);
  const begun: Begun = { state: random(), verifier: random(), from: location.pathname + location.search };
  sessionStorage.setItem(KEY, JSON.stringify(begun));
  const url = new URL(address);
  url.searchParams.set('response_type', 'code');
  url.searchParams.set('client_id', provider.clientId);
  url.searchParams.set('redirect_uri', redirect());
  url.searchParams.set('scope', provider.scope);
  url.searchParams.set('state', begun.state);
  url.searchParams.set('code_challenge', await challengeOf(begun.verifier));
  url.searchParams.set('code_challenge_method', 'S256');
  location.assign(url);
}

/** Take the provider's answer, where the address has one that was asked for here; a sentence if it is a no. */
export async function finishSignIn(provider: Provider | undefined): Promise<string> {
  const answer = new URLSearchParams(location.search);
  const begun = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Begun | null;
  if (!provider || !begun || answer.get('state') !== begun.state) return '';
  sessionStorage.removeItem(KEY);
  history.replaceState(null, '', begun.from);
  const code = answer.get('code');
  if (!code) return `The provider refused: ${answer.get('error_description') ?? answer.get('error') ?? 'no reason given'}.`;
  const { token_endpoint: address } = await endpoints(provider);
  const form = { grant_type: 'authorization_code', code, client_id: provider.clientId, redirect_uri: redirect(), code_verifier: begun.verifier };
  const response = await fetch(address, { method: 'POST', body: new URLSearchParams(form) });
  const { access_token: token } = response.ok ? await response.json() : {};
  if (!token) return `The provider gave no token: HTTP ${response.status}.`;
  signIn(token);
  return '';
}
