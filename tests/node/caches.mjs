// Asks in two questions for different fields of objects without an id, through caches that normalise; prints
// what of both can then be read without asking, and what the caches complain of.
// Arguments: the address of the endpoint, the id of an execution. README's snippet is the module beside it.
import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client/core';
import { Client, fetchExchange, gql } from '@urql/core';
import { apollo, graphcache } from './readme-caches.mjs';

const [url, id] = process.argv.slice(2);
const complaints = [];
console.warn = console.error = (...words) => complaints.push(words.join(' '));
const First = gql`
  query First($id: ID!) {
    execution(id: $id) { id lease { holder } metrics { steps } error { message } }
  }
`;
const Second = gql`
  query Second($id: ID!) {
    execution(id: $id) { id lease { epoch } metrics { retries } error { code } }
  }
`;
const documents = [First, Second];
const variables = { id };

async function throughApollo(cache) {
  const client = new ApolloClient({ cache, link: new HttpLink({ uri: url }) });
  for (const query of documents) await client.query({ query, variables });
  return documents.map((query) => cache.readQuery({ query, variables }));
}

async function throughUrql(exchange) {
  const client = new Client({ url, exchanges: [exchange, fetchExchange], preferGetMethod: false });
  for (const query of documents) await client.query(query, variables);
  const read = (query) => client.query(query, variables, { requestPolicy: 'cache-only' });
  return (await Promise.all(documents.map(read))).map((answer) => answer.data ?? null);
}

const withPolicies = await throughApollo(apollo);
const withKeys = await throughUrql(graphcache);
const complained = complaints.splice(0);
const bare = await throughApollo(new InMemoryCache());
const execution = (answer) => answer?.execution ?? null;
console.log(
  JSON.stringify({
    apollo: withPolicies.map(execution),
    graphcache: withKeys.map(execution),
    bare: bare.map(execution),
    complained,
  })
);
