import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  // The server has the pages there, whatever stands before it.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    // It would add markup of its own, which the content security policy forbids.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // What is bundled is passed on with the package, and so must its licences be.
    license: { fileName: 'licenses.md' },
  },
  worker: { format: 'es' },
  logLevel: 'warn',
});
