// Follows a log with graphql-ws, loses the socket on the way, and goes on after the last cursor; prints the
// numbers that came. Arguments: the address of the endpoint, a token, an execution's id, how many to wait for.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [address, token, id, wanted] = process.argv.slice(2);
const query = `subscription ($id: ID!, $after: String) {
  executionLogs(executionId: $id, after: $after) { cursor entry { seq } }
}`;
const client = createClient({
  url: address.replace('http', 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { Authorization: `Bearer ${token}` },
  retryAttempts: 0,
});

const seqs = [];
let [cuts, after] = [0, undefined];
while (seqs.length < Number(wanted)) {
  for await (const { data } of client.iterate({ query, variables: { id, after } })) {
    seqs.push(data.executionLogs.entry.seq);
    after = data.executionLogs.cursor;
    if (seqs.length >= Number(wanted)) break;
    if (seqs.length % 3 === 0) {
      client.terminate();
      cuts += 1;
      break;
    }
  }
}
await client.dispose();

console.log(JSON.stringify({ seqs, cuts }));
