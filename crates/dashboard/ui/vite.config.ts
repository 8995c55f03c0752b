import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';

// The API during development: a running proxy, `http://127.0.0.1:8082` unless API names another.
const api = process.env['API'] ?? 'http://127.0.0.1:8082';
const proxy = { '/api': { target: api, changeOrigin: true, headers: { origin: api } } };

export default defineConfig({
  base: '/monitor/',
  plugins: [svelte(), svelteTesting()],
  server: { proxy },
  preview: { proxy },
  build: {
    target: 'es2022',
    // The content policy allows neither inline scripts nor data: scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['src/test-setup.ts'],
  },
});
