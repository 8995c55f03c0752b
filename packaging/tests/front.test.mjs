// deploy/nginx and deploy/caddy, run: TLS outside, the proxy inside, every event at once.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const program = process.env.ANTHROPIC_PROXY_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release', 'anthropic-proxy');
const venv = join(dirname(fileURLToPath(import.meta.url)), '.venv', 'bin', 'caddy');
const CADDY = existsSync(venv) ? venv : 'caddy';
const has = (name) => spawnSync(name, ['-v'], { stdio: 'ignore' }).error === undefined;
const NAME = 'proxy.example.com';
const TOKEN = 'open-sesame-1234';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** An upstream that sends the second event only when `next` is called, and tells of each part of a request. */
async function upstream() {
  const parts = [];
  const answers = [];
  const server = http.createServer((request, answer) => {
    request.on('data', (bytes) => parts.push(bytes.toString()));
    request.on('end', () => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' });
      answer.write('event: ping\ndata: {"type":"ping"}\n\n');
      answers.push(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, parts, answers, url: `http://127.0.0.1:${server.address().port}` };
}

/** An example with the test's own ports and certificate; each change must find its place. */
function example(file, changes) {
  return changes.reduce((text, [from, to]) => {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, `${file} has no ${from}`);
    return changed;
  }, readFileSync(join(root, 'deploy', file), 'utf8'));
}

/** How each front is made from its example: its command, once its files are in the folder. */
const FRONTS = {
  nginx({ folder, inner, outer, crt, key }) {
    const text = example('nginx/anthropic-proxy.conf', [
      ['127.0.0.1:8082', `127.0.0.1:${inner}`],
      ['listen 443 ssl', `listen 127.0.0.1:${outer} ssl`],
      [/\/etc\/nginx\/tls\/\S+\.crt/, crt],
      [/\/etc\/nginx\/tls\/\S+\.key/, key],
    ]);
    mkdirSync(join(folder, 'tmp'));
    const config = join(folder, 'nginx.conf');
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(folder, 'tmp')};`).join(' ');
    writeFileSync(config, `daemon off; pid ${join(folder, 'pid')}; error_log stderr warn; events {}\nhttp { access_log off; ${paths}\n${text}}\n`);
    execFileSync('nginx', ['-t', '-q', '-c', config, '-p', folder]);
    return ['nginx', ['-c', config, '-p', folder]];
  },
  caddy({ folder, inner, outer, crt, key }) {
    const text = example('caddy/Caddyfile', [
      [`${NAME} {`, `https://${NAME}:${outer} {\n\tbind 127.0.0.1\n\ttls ${crt} ${key}`],
      ['127.0.0.1:8082', `127.0.0.1:${inner}`],
    ]);
    const config = join(folder, 'Caddyfile');
    writeFileSync(config, `{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system ${folder}\n\tlog {\n\t\tlevel ERROR\n\t}\n}\n${text}`);
    execFileSync(CADDY, ['validate', '--config', config, '--adapter', 'caddyfile'], { stdio: 'ignore' });
    return [CADDY, ['run', '--config', config, '--adapter', 'caddyfile']];
  },
};

for (const [name, front] of Object.entries(FRONTS)) {
  const missing = [name === 'caddy' ? CADDY : name, 'openssl'].find((program) => !has(program));
  test(`the ${name} example passes streams on piece by piece`, { timeout: 30_000, skip: missing && `${missing} is missing` }, async (t) => {
    await passesPieceByPiece(t, front);
  });
}

async function passesPieceByPiece(t, front) {
  const folder = mkdtempSync(join(tmpdir(), 'anthropic-proxy-front-'));
  // nginx's workers may be another user.
  chmodSync(folder, 0o755);
  const [inner, outer] = [await freePort(), await freePort()];
  const [crt, key] = [join(folder, 'crt.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', `/CN=${NAME}`,
    '-addext', `subjectAltName=DNS:${NAME}`, '-keyout', key, '-out', crt], { stdio: 'ignore' });
  const [command, options] = front({ folder, inner, outer, crt, key });

  const up = await upstream();
  const environment = { ...process.env, MONITOR_TOKEN: TOKEN, ALLOWED_HOSTS: NAME, XDG_CONFIG_HOME: folder };
  const proxy = spawn(program, ['--port', `${inner}`, '--host', '127.0.0.1', '--upstream-url', up.url, '--data-dir', join(folder, 'data')],
    { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(proxy.stdout, 'data');
  const outside = spawn(command, options, { env: { ...process.env, HOME: folder }, stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(async () => {
    outside.kill('SIGTERM');
    await once(outside, 'exit');
    proxy.kill('SIGKILL');
    up.server.closeAllConnections();
    up.server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = (options) => https.request({ host: '127.0.0.1', port: outer, servername: NAME, ca: readFileSync(crt), ...options, headers: { host: NAME, ...options.headers } });
  const request = await connected(() => ask({ method: 'POST', path: '/v1/messages', headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' } }));
  // The first part of the request is there before the second is sent; the answer's likewise.
  request.write('{"a":1,');
  while (!up.parts.join('').includes('{"a":1,')) await new Promise((done) => setImmediate(done));
  request.end('"b":2}');
  const [answer] = await once(request, 'response');
  assert.equal(answer.statusCode, 200);
  let said = '';
  answer.on('data', (bytes) => (said += bytes));
  while (!said.includes('ping')) await once(answer, 'data');
  up.answers[0].end('event: message_stop\ndata: {"type":"message_stop"}\n\n');
  await once(answer, 'end');
  assert.ok(said.includes('message_stop'));

  // The page asks for its token under the outer name, and the record has the call.
  const get = (headers) => new Promise((done, failed) => {
    const call = ask({ path: '/api/monitor/requests', headers });
    call.on('error', failed).on('response', (found) => {
      let body = '';
      found.on('data', (bytes) => (body += bytes)).on('end', () => done({ status: found.statusCode, body }));
    }).end();
  });
  assert.equal((await get({})).status, 401);
  const { status, body } = await get({ authorization: `Bearer ${TOKEN}` });
  assert.equal(status, 200);
  assert.equal(JSON.parse(body).data[0].url, '/v1/messages');
}

/** A request whose connection is up; the one outside may need a moment to listen. */
async function connected(make) {
  const until = Date.now() + 10_000;
  for (;;) {
    const request = make();
    const outcome = await new Promise((done) => {
      request.once('error', done);
      request.once('socket', (socket) => socket.once('secureConnect', () => done(null)));
      request.flushHeaders();
    });
    if (outcome === null) return request;
    if (Date.now() > until) throw outcome;
    await new Promise((done) => setTimeout(done, 20));
  }
}
