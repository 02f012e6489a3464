/** What a visitor reads while the service answers nobody without a token. */
export function TokenNotice() {
  return (
    <p className="token-notice" role="status">
      This service asks for a token. Write it into <b>Headers</b> below, in place of <code>TOKEN</code>, then press{' '}
      <b>Re-fetch GraphQL schema</b> on the left. <code>flowkeep token create NAME --scope READ</code> makes one.
    </p>
  );
}

export const headersWithToken = JSON.stringify({ Authorization: 'Bearer TOKEN' }, null, 2);

/** Whether an answer refuses whoever asked for not saying who that is, or for a token that is none. */
export function asksForToken(answer) {
  return answer.errors?.some((error) => error.extensions?.code === 'UNAUTHENTICATED') ?? false;
}
