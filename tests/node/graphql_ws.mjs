// Asks and writes over an authenticated socket, loses it, and is refused with a wrong token; prints all that.
// Arguments: the address of the endpoint, a token, a token that is none.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [address, token, wrong] = process.argv.slice(2);
const codes = [];
let acknowledged = 0;
const connected = (token, more) =>
  createClient({
    url: address.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${token}` },
    ...more,
  });
const one = async (client, query, variables) => {
  for await (const answer of client.iterate({ query, variables })) return answer;
};

// Not lazy: the socket stays open between the operations.
const client = connected(token, {
  lazy: false,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 10)),
  on: { connected: () => (acknowledged += 1), closed: ({ code }) => codes.push(code) },
});
const create = `mutation ($input: CreateWorkflowInput!) {
  createWorkflow(input: $input) { ... on WorkflowPayload { workflow { name createdBy } } ... on Error { code } }
}`;
const input = { name: 'nightly', version: '1', definition: {} };
const created = await one(client, create, { input });
const refused = await one(client, create, { input });
const read = '{ workflows { nodes { name version } } }';
const before = await one(client, read);
client.terminate();
const after = await one(client, read);
const invalid = await one(client, '{ nothing }').catch((errors) => errors[0].extensions.code);
await client.dispose();

const { code, reason } = await one(connected(wrong, { retryAttempts: 0 }), read).catch((event) => event);

console.log(JSON.stringify({ created, refused, before, after, invalid, acknowledged, codes, code, reason }));
