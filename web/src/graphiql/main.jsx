import 'graphiql/setup-workers/vite';
import { GraphiQL } from 'graphiql';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createFetcher } from './fetcher.js';
import { defaultQuery } from './query.js';
import { storage } from './storage.js';
import { asksForToken, headersWithToken, TokenNotice } from './token.jsx';
import './style.css';

const plugins = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })];

function Page({ closed }) {
  const [asking, setAsking] = useState(closed);
  const [fetcher] = useState(() => createFetcher('/graphql', (answer) => setAsking(asksForToken(answer))));
  return (
    <>
      {asking && <TokenNotice />}
      <GraphiQL
        fetcher={fetcher}
        plugins={plugins}
        storage={storage}
        defaultQuery={defaultQuery}
        defaultHeaders={closed ? headersWithToken : undefined}
        defaultEditorToolsVisibility={closed ? 'headers' : false}
        inputValueDeprecation
        schemaDescription
      />
    </>
  );
}

// Asked before anything is shown, for what is open at first depends on it.
let closed = false;
const ask = createFetcher('/graphql', (answer) => (closed = asksForToken(answer)));
await ask({ query: '{ __typename }' }).catch(() => {}); // GraphiQL meets the same fault, and shows it
createRoot(document.getElementById('graphiql')).render(<Page closed={closed} />);
