// Serves dist/ under the program's own content policy, the API from a running proxy: `node dev/serve.mjs http://127.0.0.1:8082 PORT`.
// What vite's own servers let pass (inline code, HTML strings) fails here as it does in the program.
import { readFileSync } from 'node:fs';
import { createServer, request as call } from 'node:http';
import { extname, join } from 'node:path';

const [api = 'http://127.0.0.1:8082', port = '5190'] = process.argv.slice(2);
const dist = new URL('../dist', import.meta.url).pathname;
const rust = readFileSync(new URL('../../../anthropic-proxy/src/monitor/access.rs', import.meta.url), 'utf8');
const policy = /CONTENT_POLICY: &str = "([^"]+)"/.exec(rust)?.[1]?.replace(/\\\n\s*/g, '');
if (!policy) throw new Error('access.rs no longer names the content policy');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

createServer((request, response) => {
  if (request.url?.startsWith('/api/')) {
    const onward = call(api + request.url, { method: request.method }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
    return;
  }
  const name = new URL(request.url ?? '/', 'http://x').pathname.replace(/^\/monitor\/?/, '');
  const file = extname(name) ? name : 'index.html';
  try {
    const bytes = readFileSync(join(dist, file));
    response.writeHead(200, { 'content-type': TYPES[extname(file)], 'content-security-policy': policy });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}).listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${port}/monitor  ${policy}`));
