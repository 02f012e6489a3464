// Follows a log with graphql-sse, gives up the stream on the way, and goes on after the last cursor; asks a
// query and starts what can't start. Arguments: the address of the endpoint, a token, an execution's id, how
// many to wait for.
import { createClient } from 'graphql-sse';

const [address, token, id, wanted] = process.argv.slice(2);
const query = `subscription ($id: ID!, $after: String) {
  executionLogs(executionId: $id, after: $after) { cursor entry { seq } }
}`;
const client = createClient({
  url: address,
  headers: { Authorization: `Bearer ${token}` },
  retryAttempts: 0,
});

const seqs = [];
let [cuts, after] = [-1, undefined];
while (seqs.length < Number(wanted)) {
  cuts += 1;
  for await (const { data } of client.iterate({ query, variables: { id, after } })) {
    seqs.push(data.executionLogs.entry.seq);
    after = data.executionLogs.cursor;
    if (seqs.length >= Number(wanted) || seqs.length === 3 * (cuts + 1)) break;
  }
}

const one = async (asked) => {
  for await (const answer of client.iterate(asked)) return answer;
};
const read = await one({ query: '{ workflows { totalCount } }' });
const { status } = await one({ query: '{ nothing }' }).catch(({ response }) => response);
client.dispose();

console.log(JSON.stringify({ seqs, cuts, read, status }));
