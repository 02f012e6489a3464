import 'graphiql/setup-workers/vite';
import { GraphiQL } from 'graphiql';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { createRoot } from 'react-dom/client';
import { createFetcher } from './fetcher.js';
import { defaultQuery } from './query.js';
import { storage } from './storage.js';
import './style.css';

const plugins = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })];

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={createFetcher('/graphql')}
    plugins={plugins}
    storage={storage}
    defaultQuery={defaultQuery}
    defaultEditorToolsVisibility={false}
    inputValueDeprecation
    schemaDescription
  />,
);
