/** Asking the service: operations by the ids of their documents, with the caller's token. */
import { Client, type CombinedError, type TypedDocumentNode, createRequest, fetchExchange } from '@urql/core';
import { noted, seen } from './position';
import { authorization, signedOut } from './session';

/** An operation of a .graphql file; the types are what it answers and takes. */
export interface Operation<Data, Variables> {
  name: string;
  id: string;
  /** Never there; ties the types to the operation. */
  types?: (variables: Variables) => Data;
}

/** Why an operation was not answered. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

const client = new Client({
  url: '/graphql',
  exchanges: [fetchExchange],
  preferGetMethod: false,
  requestPolicy: 'network-only',
  fetchOptions: () => ({ headers: authorization() }),
});

function named<Data, Variables>(operation: Operation<Data, Variables>) {
  return { kind: 'Document', definitions: [], documentId: operation.id } as unknown as TypedDocumentNode<Data>;
}

/** The text of an operation's document, for a server of another release, which doesn't know its id. */
export async function textOf(id: string): Promise<string> {
  const texts: Record<string, string> = (await import('./generated/documents.json')).default;
  return texts[id] ?? '';
}

/** The error of an answer, in the service's words where it has any. */
function told(error: CombinedError): ApiError {
  const [first] = error.graphQLErrors;
  if (first) return new ApiError(first.message, String(first.extensions['code'] ?? 'UNKNOWN'));
  return new ApiError(`The service can't be reached: ${error.networkError?.message ?? error.message}`, 'UNREACHABLE');
}

/** The answer to a query or mutation; throws `ApiError`. */
export async function ask<Data, Variables extends object>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  kind: 'query' | 'mutation' = 'query',
): Promise<Data> {
  const send = (document: string | TypedDocumentNode<Data>) => {
    const request = createRequest<Data, Variables>(document, variables, seen());
    return (kind === 'query' ? client.executeQuery(request) : client.executeMutation(request)).toPromise();
  };
  let { data, error, extensions } = await send(named(operation));
  if (error && told(error).code === 'PERSISTED_QUERY_NOT_FOUND') {
    ({ data, error, extensions } = await send(await textOf(operation.id)));
  }
  noted(extensions);
  if (error) {
    const problem = told(error);
    if (problem.code === 'UNAUTHENTICATED') signedOut(problem.message);
    throw problem;
  }
  return data as Data;
}

/** Have the browser keep a file of an execution; throws `ApiError`. */
export async function download(id: string, name: 'log.txt' | 'execution.ndjson'): Promise<void> {
  const response = await fetch(`/downloads/${id}/${name}`, { headers: { ...authorization(), 'GraphQL-Require-Preflight': '1' } });
  if (!response.ok) throw new ApiError(await response.text(), String(response.status));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${id}-${name}`;
  link.click();
  URL.revokeObjectURL(link.href);
}
