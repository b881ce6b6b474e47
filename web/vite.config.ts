import { defineConfig } from 'vite';

/** Where a dashboard under development finds its cluster. */
const ADMIN_API = 'http://127.0.0.1:9180';

export default defineConfig({
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // A picture inside the style sheet would be one that the page's policy has to allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': { target: ADMIN_API, changeOrigin: true } } },
});
