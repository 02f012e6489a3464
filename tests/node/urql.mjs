// Asks and writes with urql, by POST, by GET and by the hash of a document; prints the answers.
// Argument: the address of the endpoint.
import { randomBytes } from 'node:crypto';
import { cacheExchange, Client, fetchExchange, gql } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';

const url = process.argv[2];
const sent = [];
const watched = (address, options) => {
  const method = options.method ?? 'GET';
  const asked = method === 'GET' ? Object.fromEntries(new URL(address).searchParams) : JSON.parse(options.body);
  sent.push({ method, hasText: Boolean(asked.query) });
  return fetch(address, options);
};
const client = (settings) =>
  new Client({ url, fetch: watched, exchanges: [cacheExchange, fetchExchange], ...settings });
const posting = client({ preferGetMethod: false });

const Create = gql`
  mutation Create($input: CreateWorkflowInput!) {
    createWorkflow(input: $input) {
      ... on WorkflowPayload { workflow { id name } }
      ... on Error { code message }
    }
  }
`;
const Start = gql`
  mutation Start($input: CreateExecutionInput!) {
    createExecution(input: $input) {
      ... on ExecutionPayload { execution { id status } }
      ... on Error { code message }
    }
  }
`;
// A document that this server has never seen.
const Nested = gql`
  query Nested_${randomBytes(8).toString('hex')}($name: String!, $first: Int) {
    workflow(by: { name: $name }) {
      name
      executions(first: $first) { totalCount nodes { id status state { variables } } }
    }
  }
`;

const input = { name: 'nightly', version: '1', definition: {} };
const created = await posting.mutation(Create, { input });
const refused = await posting.mutation(Create, { input });
const workflowName = input.name;
await posting.mutation(Start, { input: { workflowName, variables: { a: 1 } } });
const nested = await posting.query(Nested, { name: workflowName, first: 1 });
const again = await posting.query(Nested, { name: workflowName, first: 1 });
const missing = await posting.query(Nested, { name: 'nowhere' });

const posted = sent.splice(0);
const byGet = await client({}).query(Nested, { name: workflowName, first: 1 });
// Without a cache, so that both are sent.
const byHash = client({ exchanges: [persistedExchange(), fetchExchange] });
const registered = await byHash.query(Nested, { name: workflowName, first: 1 });
const known = await byHash.query(Nested, { name: workflowName, first: 1 });

console.log(
  JSON.stringify({
    created: created.data.createWorkflow,
    refused: refused.data.createWorkflow,
    nested: nested.data.workflow,
    cached: again.data.workflow,
    error: missing.error.graphQLErrors[0].extensions.code,
    byGet: byGet.data.workflow,
    registered: registered.data.workflow,
    known: known.data.workflow,
    posted: posted.map(({ method }) => method),
    sent,
  }),
);
