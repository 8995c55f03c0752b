// The files under deploy/ as their linters read them, and what Docker's builder gets.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const work = mkdtempSync(join(tmpdir(), 'anthropic-proxy-deploy-'));
after(() => rmSync(work, { recursive: true, force: true }));

/** Each file with its linter, and a change that the linter must find. */
const FILES = [
  ['deploy/docker/Dockerfile', 'hadolint', [], ['FROM gcr.io/distroless/cc-debian12:nonroot', 'FROM debian\nRUN cd /tmp']],
  ['deploy/docker/compose.yaml', 'check-jsonschema', ['--builtin-schema', 'vendor.compose-spec'], ['cap_drop:', 'capdrop:']],
  ['deploy/kubernetes/anthropic-proxy.yaml', 'kubernetes-validate', ['--strict'], ['containerPort: 8082', 'containerPort: http']],
  ['.github/dependabot.yml', 'check-jsonschema', ['--builtin-schema', 'vendor.dependabot'], ['version: 2', 'version: 3']],
];

for (const [file, linter, options, [right, wrong]] of FILES) {
  const program = join(here, '.venv', 'bin', linter);
  test(`${linter} finds nothing in ${file}, and a mistake in it`, { skip: !existsSync(program) && `${linter} is not installed` }, () => {
    const lint = (path) => spawnSync(program, [...options, path], { encoding: 'utf8' });
    const found = lint(join(root, file));
    assert.equal(found.status, 0, found.stdout + found.stderr);
    const text = readFileSync(join(root, file), 'utf8');
    assert.ok(text.includes(right));
    const changed = join(work, file.split('/').at(-1));
    writeFileSync(changed, text.replace(right, wrong));
    assert.notEqual(lint(changed).status, 0);
  });
}

test('what .dockerignore lets through is a workspace that Cargo reads', () => {
  const rules = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  assert.equal(rules[1], '*', 'everything is left out, but what is named');
  const context = join(work, 'context');
  for (const kept of rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1))) {
    cpSync(join(root, kept), join(context, kept), {
      recursive: true,
      filter: (path) => !/\/(node_modules|dist|target)$/.test(path),
    });
  }
  execFileSync('cargo', ['metadata', '--locked', '--no-deps', '--format-version', '1'], { cwd: context });
});

test('the Homebrew formula is Ruby', { skip: spawnSync('ruby', ['-v']).error && 'ruby is not installed' }, () => {
  execFileSync('ruby', ['-c', join(root, 'packaging', 'homebrew', 'anthropic-proxy.rb')]);
});

const pm2 = join(here, 'node_modules', '.bin', 'pm2');
const program = process.env.ANTHROPIC_PROXY_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release', 'anthropic-proxy');

test('PM2 starts the proxy from its file, and stops it in good order', { timeout: 60_000 }, async () => {
  const bin = join(work, 'bin');
  mkdirSync(bin);
  symlinkSync(program, join(bin, 'anthropic-proxy'));
  const text = readFileSync(join(root, 'deploy', 'pm2', 'ecosystem.config.cjs'), 'utf8');
  assert.ok(text.includes("PORT: '8082'"));
  writeFileSync(join(work, 'ecosystem.config.cjs'), text.replace("PORT: '8082'", "PORT: '0'"));
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, PM2_HOME: join(work, 'pm2'), DATA_DIR: join(work, 'data'), XDG_CONFIG_HOME: work, PM2_DISABLE_VERSION_CHECK: 'true' };
  const run = (...options) => execFileSync(pm2, options, { cwd: work, env, encoding: 'utf8' });
  const log = join(work, 'pm2', 'logs', 'anthropic-proxy-out-0.log');
  try {
    run('start', join(work, 'ecosystem.config.cjs'));
    const until = Date.now() + 20_000;
    let url;
    while (!(url = existsSync(log) && readFileSync(log, 'utf8').match(/http:\/\/127\.0\.0\.1:\d+/)?.[0])) {
      assert.ok(Date.now() < until, 'the proxy did not say where it listens');
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.equal((await fetch(`${url}/health`)).status, 200);
    run('stop', 'anthropic-proxy');
    const [{ pm2_env: ended }] = JSON.parse(run('jlist'));
    assert.equal(ended.status, 'stopped');
    assert.equal(ended.exit_code, 0);
    assert.equal(ended.restart_time, 0);
  } finally {
    run('kill');
  }
});
