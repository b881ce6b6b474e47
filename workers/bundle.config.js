/**
 * Makes one file of the built code of a server's thread: 230 modules take longer to find, read and link than to compile. The
 * packages that it uses stay outside.
 */

import { defineConfig } from 'vite';

export default defineConfig({
  publicDir: false,
  build: {
    ssr: 'dist/workers/server.js',
    outDir: 'dist/bundle',
    target: 'node20',
  },
});
