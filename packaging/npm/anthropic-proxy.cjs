#!/usr/bin/env node
// Starts the program that the package for this platform holds, and ends as it ends.
'use strict';

const { spawn } = require('node:child_process');
const { constants } = require('node:os');

const name = process.platform === 'win32' ? 'anthropic-proxy.exe' : 'anthropic-proxy';

// The packages that may fit, the best first. A program for musl is linked statically and runs on any Linux.
function packages() {
  const base = `anthropic-proxy-${process.platform}-${process.arch}`;
  if (process.platform !== 'linux') return [base];
  // The one for gnu is built against glibc 2.35.
  const [, minor = '0'] = (process.report?.getReport().header.glibcVersionRuntime ?? '').split('.');
  return Number(minor) >= 35 ? [`${base}-gnu`, `${base}-musl`] : [`${base}-musl`, `${base}-gnu`];
}

function program() {
  for (const candidate of packages()) {
    try {
      return require.resolve(`${candidate}/${name}`);
    } catch {
      // Not installed: the next may be.
    }
  }
  return undefined;
}

const file = program();
if (!file) {
  console.error(`error: there is no program for ${process.platform} ${process.arch} among the installed packages`);
  console.error(
    `hint: install without --omit=optional, or build it: cargo install --git https://github.com/kingoliang/anthropic-proxy`,
  );
  process.exit(1);
}

const child = spawn(file, process.argv.slice(2), { stdio: 'inherit' });
// Ctrl-C reaches the child by the terminal; the others are handed on. Either way the child decides when to end.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(`error: cannot start ${file}: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
