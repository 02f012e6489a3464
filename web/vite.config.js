import { defineConfig } from 'vite';

export default defineConfig({
  base: '/graphql/',
  build: {
    outDir: '../graph/http/static',
    emptyOutDir: true,
    assetsDir: 'assets',
    sourcemap: false,
    // Browsers that lack it don't run GraphiQL either.
    modulePreload: { polyfill: false },
    // What is bundled is given away with the wheel, so its licences go along.
    license: { fileName: 'licenses.md' },
    // Libraries mark modules for React's server side, which there is none of here.
    rolldownOptions: { checks: { moduleLevelDirective: false } },
    // The editor is one large chunk by nature, and comes from the same host.
    chunkSizeWarningLimit: 4096,
  },
  worker: { format: 'es' },
});
