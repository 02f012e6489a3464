import { visit } from 'graphql';
import { createClient } from 'graphql-ws';

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/graphql-response+json, application/json',
};

function isSubscription(document, operationName) {
  let found = false;
  visit(document, {
    OperationDefinition(node) {
      found ||= node.operation === 'subscription' && (!operationName || node.name?.value === operationName);
      return false;
    },
  });
  return found;
}

async function post(url, params, headers) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    body: JSON.stringify(params),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    // Something between here and the service answered, a proxy perhaps.
    throw new Error(`HTTP ${response.status} ${response.statusText}: ${text.slice(0, 1000)}`.trim());
  }
}

/** What a socket says first; browsers can't send headers with it. */
function connectionParams(headers) {
  const entry = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization');
  return entry ? { Authorization: entry[1] } : undefined;
}

/** One socket for each subscription, so that it carries the headers of the moment and ends with it. */
async function* subscribe(url, params, headers) {
  const client = createClient({ url, connectionParams: connectionParams(headers), retryAttempts: 0 });
  try {
    yield* client.iterate(params);
  } catch (error) {
    if (!(error instanceof CloseEvent)) throw error;
    throw new Error(`The socket was closed: ${error.code} ${error.reason}`.trim());
  } finally {
    client.dispose();
  }
}

/**
 * Sends operations to `path` of this host: subscriptions over a WebSocket, everything else as a POST, of whose
 * answers `onAnswer` hears.
 */
export function createFetcher(path, onAnswer) {
  const http = new URL(path, location.href);
  const socket = new URL(http);
  socket.protocol = http.protocol === 'https:' ? 'wss:' : 'ws:';
  return (params, { documentAST, headers } = {}) =>
    documentAST && isSubscription(documentAST, params.operationName)
      ? subscribe(socket.href, params, headers)
      : post(http.href, params, headers).then((answer) => {
          onAnswer(answer);
          return answer;
        });
}
