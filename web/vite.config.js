import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';

/** Puts the dashboard's documents beside its page: the service trusts them. */
const documents = {
  name: 'documents',
  generateBundle() {
    const source = readFileSync('src/dashboard/generated/documents.json', 'utf8');
    this.emitFile({ type: 'asset', fileName: 'documents.json', source });
  },
};

export default defineConfig({
  plugins: [documents],
  build: {
    outDir: '../graph/http/static',
    emptyOutDir: true,
    assetsDir: 'assets',
    sourcemap: false,
    // Browsers that lack it don't run GraphiQL either.
    modulePreload: { polyfill: false },
    // What is bundled is given away with the wheel, so its licences go along.
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: { dashboard: 'index.html', graphiql: 'graphiql.html' },
      // Libraries mark modules for React's server side, which there is none of here.
      checks: { moduleLevelDirective: false },
    },
    // The editor is one large chunk by nature, and comes from the same host.
    chunkSizeWarningLimit: 4096,
  },
  worker: { format: 'es' },
});
