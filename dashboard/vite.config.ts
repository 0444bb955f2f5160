import { defineConfig } from 'vite'

/** `vite build dashboard` writes `dashboard/dist`: hashed files and one page that names them relatively. */
export default defineConfig({
  base: './',
  build: {
    target: 'es2023',
    // Pictures inside the page would need `img-src data:` in the policy.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: true,
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
})
