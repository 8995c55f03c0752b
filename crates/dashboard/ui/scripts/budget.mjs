// Compresses what was built (`x.br`, `x.gz` beside `x`) and fails when it is larger than the page may be.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../dist', import.meta.url).pathname;
/** Gzip bytes: everything, and what the first page loads before it shows anything. */
const ALL = 180_000;
const FIRST = 90_000;
/** Smaller files are not worth a second form. */
const WORTH = 512;

const sizes = new Map();
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || /\.(br|gz)$/.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const bytes = readFileSync(path);
  const gzip = gzipSync(bytes, { level: 9 });
  sizes.set(path.slice(dist.length + 1).replaceAll('\\', '/'), gzip.length);
  if (bytes.length < WORTH) continue;
  writeFileSync(`${path}.gz`, gzip);
  writeFileSync(
    `${path}.br`,
    brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
  );
}

const html = readFileSync(join(dist, 'index.html'), 'utf8');
const isFirst = (path) => path === 'index.html' || html.includes(`/monitor/${path}"`);
const sum = (paths) => paths.reduce((total, path) => total + sizes.get(path), 0);
const paths = [...sizes.keys()].sort((a, b) => sizes.get(b) - sizes.get(a));
for (const path of paths)
  console.log(`${String(sizes.get(path)).padStart(8)}  ${path}${isFirst(path) ? '  (first page)' : ''}`);

const checks = [
  ['first page', sum(paths.filter(isFirst)), FIRST],
  ['all', sum(paths), ALL],
];
for (const [name, size, limit] of checks) {
  console.log(`${name}: ${size} of ${limit} bytes gzip`);
  if (size > limit) {
    console.error(`over budget: ${name} is ${size} bytes, allowed are ${limit}`);
    process.exitCode = 1;
  }
}
