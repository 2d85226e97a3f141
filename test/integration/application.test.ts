import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/raw.ts';
import { freePorts, type Stack, stackSettings, startStack } from '../support/stack.ts';

const INSTANCES = 3;
const ROUNDS = 3;
const application = fileURLToPath(new URL('../support/application.ts', import.meta.url));
const upload = randomBytes(50 * 1024 * 1024);

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly digest: string;
}

/** Fields that differ from one reply to the next, or that are the gateway's to add. */
const varying = new Set(['date', 'x-request-id', 'server-timing', 'connection', 'keep-alive', 'transfer-encoding']);

function ask(
  origin: string,
  path: string,
  more: { method?: string; headers?: Record<string, string>; body?: Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = more;
    const asked = request(`${origin}${path}`, { method, headers, agent: false }, (res) => {
      const hash = createHash('sha256');
      res.on('data', (chunk: Buffer) => hash.update(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const kept = Object.fromEntries(Object.entries(res.headers).filter(([name]) => !varying.has(name)));
        resolve({ status: res.statusCode, headers: kept, digest: hash.digest('hex') });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** A text frame that goes there and back; the text that came. */
function chat(origin: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname);
    const payload = Buffer.from(text);
    let got = Buffer.alloc(0);
    let isOpen = false;
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the chat has ended')));
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      const end = got.indexOf('\r\n\r\n');
      if (!isOpen && end !== -1) {
        isOpen = true;
        got = got.subarray(end + 4);
        socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]));
      }
      if (!isOpen || got.length < 2 + payload.length) return;
      resolve(got.subarray(2).toString());
      socket.destroy();
    });
    socket.write(
      'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
  });
}

/** Every endpoint but the crash, each as it is asked for; all of them at the same time. */
const endpoints: Readonly<Record<string, (origin: string) => Promise<unknown>>> = {
  json: (origin) => ask(origin, '/json?q=caf%C3%A9'),
  'upload of 50 MB': (origin) => ask(origin, '/upload', { method: 'POST', body: upload }),
  'event stream': (origin) => ask(origin, '/events?silence=3000'),
  'WebSocket chat': (origin) => chat(origin, 'hello'),
  'long poll': (origin) => ask(origin, '/poll?wait=2500'),
  'range of 200 MB': (origin) => ask(origin, '/file', { headers: { range: 'bytes=104857000-125829119' } }),
  cookies: (origin) => ask(origin, '/cookies', { headers: { cookie: 'c=3; d=4' } }),
  gzip: (origin) => ask(origin, '/gzip', { headers: { 'accept-encoding': 'gzip' } }),
  redirect: (origin) => ask(origin, '/redirect'),
  head: (origin) => ask(origin, '/head', { method: 'HEAD' }),
  'an error': (origin) => ask(origin, '/error'),
  'no such page': (origin) => ask(origin, '/nowhere/a%2Fb;c=d'),
};

describe('an application of twelve endpoints behind the gateway', () => {
  const apps: ChildProcess[] = [];
  let stack: Stack;
  let ports: number[] = [];
  const start = (index: number): void => {
    apps[index] = spawn(process.execPath, [application, String(ports[index])], { stdio: 'ignore' });
  };
  const direct = (): string => `http://127.0.0.1:${ports[0]}`;

  before(async () => {
    const first = await freePorts(INSTANCES);
    ports = Array.from({ length: INSTANCES }, (_, index) => first + index);
    for (const index of ports.keys()) start(index);
    const settings = await stackSettings({ GENERATOR_INSTANCES: '0', UPSTREAM_TIMEOUT_MS: '2000' });
    const config = join(settings['RAMPART_DATA_DIR'] as string, 'app.config.ts');
    const file = {
      upstreams: { app: { backends: ports.map((port) => `http://127.0.0.1:${port}`), cap: 8, healthPath: '/health' } },
      routes: [
        { endpoint: 'poll', path: '/poll', upstream: 'app', authenticate: false, longLived: true },
        {
          endpoint: 'app',
          path: '/*',
          upstream: 'app',
          authenticate: false,
          maxBodyBytes: 64 * 1024 * 1024,
          timeoutMs: 30_000,
        },
      ],
    };
    writeFileSync(config, `export default ${JSON.stringify(file)};`);
    stack = await startStack({ ...settings, RAMPART_CONFIG: config });
    await eventually('the application is up', async () => {
      const { backends } = await stack.status();
      return backends.length === INSTANCES && backends.every(({ up }) => up);
    });
  });
  after(async () => {
    await stack?.stop();
    for (const app of apps) app.kill('SIGKILL');
  });

  /** What all endpoints answer, in as many rounds side by side. */
  async function askAll(origin: string, rounds: number): Promise<Map<string, string>[]> {
    return Promise.all(
      Array.from({ length: rounds }, async () => {
        const answers = await Promise.all(
          Object.entries(endpoints).map(async ([name, of]) => [name, JSON.stringify(await of(origin))] as const),
        );
        return new Map(answers);
      }),
    );
  }

  test('gives the same bytes as the application itself, concurrently', { timeout: 120_000 }, async () => {
    const [expected] = await askAll(direct(), 1);
    for (const got of await askAll(stack.url, ROUNDS)) {
      for (const [name, answer] of got) assert.equal(answer, expected?.get(name), name);
    }
  });

  test('goes on while each kind of process is killed', { timeout: 180_000 }, async () => {
    const [expected] = await askAll(direct(), 1);
    const short = Object.entries(endpoints).filter(([name]) =>
      ['json', 'cookies', 'gzip', 'head', 'redirect'].includes(name),
    );
    const over = new AbortController();
    let asked = 0;
    const lost: string[] = [];
    const client = async (): Promise<void> => {
      while (!over.signal.aborted) {
        for (const [name, of] of short) {
          asked++;
          const answer = await of(stack.url).then(JSON.stringify, String);
          if (answer !== expected?.get(name)) lost.push(`${name}: ${answer}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const clients = [client(), client()];
    const pause = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 1500));
    await pause();
    // An application that dies by a kill, and one that dies of a request.
    apps[1]?.kill('SIGKILL');
    await pause();
    start(1);
    await pause();
    const crashed = await ask(stack.url, '/crash', { method: 'POST' });
    assert.equal(crashed.status, 502);
    await pause();
    for (const [index, app] of apps.entries()) if (app.exitCode !== null) start(index);
    await pause();
    process.kill((await stack.status()).control.pid, 'SIGKILL');
    await pause();
    await eventually('control is back', async () => {
      const status = await stack.status().catch(() => undefined);
      return status?.workers.length === 2;
    });
    const inFlightOfWorker = lost.length;
    process.kill((await stack.status()).workers[0]?.pid as number, 'SIGKILL');
    await pause();
    over.abort();
    await Promise.all(clients);
    console.log(`${asked} asked, ${lost.length} lost`);
    assert.equal(inFlightOfWorker, 0, lost.join('\n'));
    // Each client has one request in flight when the worker dies.
    assert.ok(lost.length <= clients.length, lost.join('\n'));
    for (const got of await askAll(stack.url, 1)) {
      for (const [name, answer] of got) assert.equal(answer, expected?.get(name), name);
    }
  });
});
