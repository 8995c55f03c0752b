// Makes the npm packages of a release: node packaging/npm/build.mjs BINARIES OUT
//
// BINARIES holds a folder a Rust target with the program in it; targets that are missing are left out of OUT, and of what the main
// package asks for.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const TARGETS = {
  'aarch64-apple-darwin': { name: 'darwin-arm64', os: 'darwin', cpu: 'arm64' },
  'x86_64-apple-darwin': { name: 'darwin-x64', os: 'darwin', cpu: 'x64' },
  'aarch64-unknown-linux-gnu': { name: 'linux-arm64-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  'aarch64-unknown-linux-musl': { name: 'linux-arm64-musl', os: 'linux', cpu: 'arm64' },
  'x86_64-unknown-linux-gnu': { name: 'linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  'x86_64-unknown-linux-musl': { name: 'linux-x64-musl', os: 'linux', cpu: 'x64' },
  'aarch64-pc-windows-msvc': { name: 'win32-arm64', os: 'win32', cpu: 'arm64' },
  'x86_64-pc-windows-msvc': { name: 'win32-x64', os: 'win32', cpu: 'x64' },
};

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

function build(binaries, out) {
  const main = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const made = {};
  for (const [target, { name, os, cpu, libc }] of Object.entries(TARGETS)) {
    const file = os === 'win32' ? 'anthropic-proxy.exe' : 'anthropic-proxy';
    const program = join(binaries, target, file);
    if (!existsSync(program)) continue;
    const folder = join(out, name);
    mkdirSync(folder, { recursive: true });
    copyFileSync(program, join(folder, file));
    chmodSync(join(folder, file), 0o755);
    copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
    const description = `The program of anthropic-proxy for ${target}`;
    const { version, license, repository } = main;
    const fits = { os: [os], cpu: [cpu], ...(libc ? { libc: [libc] } : {}) };
    const manifest = { name: `anthropic-proxy-${name}`, version, description, license, repository, ...fits, files: [file] };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2) + '\n');
    made[manifest.name] = version;
  }
  const folder = join(out, 'anthropic-proxy');
  mkdirSync(join(folder, 'packaging', 'npm'), { recursive: true });
  for (const file of ['LICENSE', 'README.md', 'packaging/npm/anthropic-proxy.cjs']) {
    copyFileSync(join(root, file), join(folder, file));
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...main, optionalDependencies: made }, null, 2) + '\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [binaries, out] = process.argv.slice(2);
  if (!out) {
    console.error('error: two folders are needed\nhint: node packaging/npm/build.mjs BINARIES OUT');
    process.exit(1);
  }
  build(binaries, out);
}
