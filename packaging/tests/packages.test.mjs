// The ways to install, each from a made-up release of the built program, into a folder of its own. Loopback only.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TARGETS } from '../npm/build.mjs';

const run = promisify(execFile);
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const program = process.env.ANTHROPIC_PROXY_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release', 'anthropic-proxy');
const cpu = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const target = process.platform === 'darwin' ? `${cpu}-apple-darwin` : `${cpu}-unknown-linux-gnu`;
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;

let work, release, server, url;

before(async () => {
  work = mkdtempSync(join(tmpdir(), 'anthropic-proxy-packages-'));
  release = join(work, 'release');
  await run(join(root, 'packaging', 'archive'), [target, program, release]);
  const file = `anthropic-proxy-${target}.tar.gz`;
  const sum = createHash('sha256').update(readFileSync(join(release, file))).digest('hex');
  const others = Object.keys(TARGETS).filter((other) => other !== target);
  const lines = [`${sum}  ${file}`, ...others.map((other) => `${'0'.repeat(64)}  anthropic-proxy-${other}.tar.gz`)];
  writeFileSync(join(release, 'SHA256SUMS'), lines.join('\n') + '\n');
  server = createServer((request, response) => {
    const found = join(release, request.url.replace(/\?.*/, '').slice(1));
    if (!existsSync(found)) return response.writeHead(404).end();
    response.end(readFileSync(found));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.close();
  rmSync(work, { recursive: true, force: true });
});

function install(place) {
  const environment = { ...process.env, ANTHROPIC_PROXY_RELEASES: url, ANTHROPIC_PROXY_INSTALL: place };
  for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY']) delete environment[name];
  return run('sh', [join(root, 'packaging', 'install.sh')], { env: environment });
}

test('the versions of the npm package and of the program are one', () => {
  const cargo = readFileSync(join(root, 'Cargo.toml'), 'utf8').match(/^version = "(.*)"$/m)[1];
  assert.equal(version, cargo);
  assert.match(execFileSync(program, ['--version'], { encoding: 'utf8' }), new RegExp(` ${version}\\n$`));
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies;
  const expected = Object.values(TARGETS).map(({ name }) => [`anthropic-proxy-${name}`, version]);
  assert.deepEqual(wanted, Object.fromEntries(expected));
});

test('the shell installer puts the program in its place, also over an older one that runs', async () => {
  const place = join(work, 'bin');
  const { stdout } = await install(place);
  assert.match(stdout, new RegExp(`installed anthropic-proxy ${version} in `));
  const running = spawn(join(place, 'anthropic-proxy'), ['--port', '0', '--data-dir', ':memory:'], { stdio: 'pipe' });
  await once(running.stdout, 'data');
  await install(place);
  running.kill('SIGTERM');
  const [code] = await once(running, 'exit');
  assert.equal(code, 0);
  assert.deepEqual(readdirSync(place), ['anthropic-proxy']);
});

test('the shell installer refuses what was changed on the way, and what is not there', async () => {
  const file = join(release, `anthropic-proxy-${target}.tar.gz`);
  const good = readFileSync(file);
  const place = join(work, 'refused');
  writeFileSync(file, Buffer.concat([good, Buffer.from('x')]));
  await assert.rejects(install(place), /is not what the release says\nhint: /);
  rmSync(file);
  await assert.rejects(install(place), /cannot download .*\nhint: /s);
  writeFileSync(file, good);
  assert.ok(!existsSync(place));
});

test('the Homebrew formula gets every checksum', async () => {
  const { stdout } = await run(join(root, 'packaging', 'homebrew', 'fill'), [version, join(release, 'SHA256SUMS')]);
  assert.ok(!stdout.includes('@') && stdout.includes(`version "${version}"`));
  assert.equal(stdout.match(/sha256 "[0-9a-f]{64}"/g).length, 4);
});

test('npx runs the program of the package for this platform, with its exit code and signals', async () => {
  const binaries = join(work, 'binaries');
  mkdirSync(join(binaries, target), { recursive: true });
  copyFileSync(program, join(binaries, target, 'anthropic-proxy'));
  const out = join(work, 'npm');
  await run('node', [join(root, 'packaging', 'npm', 'build.mjs'), binaries, out]);
  const place = join(work, 'project');
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), '{"name":"project","version":"1.0.0"}');
  const tarballs = [];
  // The platform's first: then nobody asks a registry for it.
  for (const folder of [TARGETS[target].name, 'anthropic-proxy']) {
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', work], { cwd: join(out, folder) });
    tarballs.push(join(work, JSON.parse(stdout)[0].filename));
  }
  const quiet = ['--offline', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...quiet, ...tarballs], { cwd: place });
  const { stdout } = await run('npx', ['--offline', 'anthropic-proxy', '--version'], { cwd: place });
  assert.equal(stdout, `anthropic-proxy ${version}\n`);
  await assert.rejects(run('npx', ['--offline', 'anthropic-proxy', '--port', 'x'], { cwd: place }), { code: 1 });
  const shim = join(place, 'node_modules', '.bin', 'anthropic-proxy');
  const running = spawn(shim, ['--port', '0', '--data-dir', ':memory:'], { stdio: 'pipe' });
  await once(running.stdout, 'data');
  running.kill('SIGTERM');
  const [code] = await once(running, 'exit');
  assert.equal(code, 0);
});
