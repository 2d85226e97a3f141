import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import { openClock } from '../../src/core/clock.ts';
import { LineFile } from '../../src/core/line-file.ts';
import { accessLogCounts } from '../../src/gateway/access-log/access-log.ts';
import { Registry } from '../../src/metrics/instruments.ts';
import { testKey, type TestGatewayOptions } from '../support/gateway.ts';
import { closers, startBackend, startGateway } from '../support/proxying.ts';
import { eventually, sendRaw } from '../support/raw.ts';
import { rampartEntry, runRampart, stackSettings } from '../support/stack.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-log-'));
  folders.push(folder);
  return folder;
}

type Line = Readonly<Record<string, unknown>>;
const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

/** A gateway that logs into this path, in front of a backend. */
async function startLogged(target: string, more: TestGatewayOptions = {}) {
  const { origin } = await startBackend((req, res) => {
    if (req.url === '/broken') res.writeHead(500, { 'set-cookie': 'sid=c4n4ry' }).end('it broke');
    else if (req.method === 'POST') req.resume().on('end', () => res.end('taken'));
    else res.end('hello');
  });
  const counts = accessLogCounts(new Registry());
  const file = LineFile.open({
    target,
    clock: openClock(),
    onWritten: (lines) => counts.written.add(lines),
    onDropped: (lines) => counts.dropped.add(lines),
  });
  const rampart = await startGateway([origin], { accessLog: { sink: file, counts }, ...more });
  let isClosed = false;
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await file.close();
  };
  closers.push(close);
  return { rampart, file, counts, close };
}

/** Sends requests on some kept connections, until `isOver`; returns how many were answered. */
async function load(url: string, isOver: (sent: number) => boolean): Promise<number> {
  const agent = new Agent({ connections: 8, pipelining: 1 });
  let sent = 0;
  const one = async (): Promise<void> => {
    while (!isOver(sent)) {
      sent++;
      const { body, statusCode } = await request(`${url}/a?n=${sent}`, { dispatcher: agent });
      await body.dump();
      assert.equal(statusCode, 200);
    }
  };
  await Promise.all(Array.from({ length: 16 }, one));
  await agent.close();
  return sent;
}

test('a log that is rotated again and again under load has one valid line for each request', async () => {
  const folder = newFolder();
  const path = join(folder, 'access.log');
  const { rampart, close } = await startLogged(path);
  let rotations = 0;
  const rotating = (async (): Promise<void> => {
    for (; rotations < 5; rotations++) {
      const before = readdirSync(folder).length;
      renameSync(path, `${path}.${rotations}`);
      await eventually('the log is opened again', () => readdirSync(folder).length > before);
    }
  })();
  const sent = await load(rampart.url, () => rotations >= 5);
  await rotating;
  await close();
  const files = readdirSync(folder).map((name) => linesOf(readFileSync(join(folder, name), 'utf8')));
  assert.equal(files.length, 6);
  assert.equal(files.flat().length, sent);
  assert.ok(files.flat().every((line) => line['http.response.status_code'] === 200 && line['rampart.attempts'] === 1));
});

test('a FIFO that nobody reads keeps no request waiting, and every line that is missing is counted', async () => {
  const fifo = join(newFolder(), 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const { rampart, file, counts, close } = await startLogged(fifo);
  // About 500 bytes a line: the pipe takes 64 KiB, the memory 4 MiB.
  const sent = await load(rampart.url, (count) => count >= 12_000);
  assert.ok(file.waitingBytes <= 4 * 1024 * 1024);
  await close();
  const chunks: string[] = [];
  const buffer = Buffer.alloc(64 * 1024);
  for (let bytes = readSync(reader, buffer); bytes > 0; bytes = readSync(reader, buffer))
    chunks.push(buffer.toString('latin1', 0, bytes));
  closeSync(reader);
  const lines = linesOf(chunks.join(''));
  assert.ok(lines.length > 0 && counts.dropped.value > 0);
  assert.deepEqual([lines.length, counts.written.value + counts.dropped.value], [counts.written.value, sent]);
});

test('a log on a full disk keeps no request waiting, and every line that is missing is counted', async () => {
  const { rampart, counts, close } = await startLogged('/dev/full');
  const sent = await load(rampart.url, (count) => count >= 500);
  await close();
  assert.deepEqual([counts.written.value, counts.dropped.value], [0, sent]);
});

test('secrets of a request are in neither log', async () => {
  const path = join(newFolder(), 'access.log');
  const said: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void said.push(line) });
  const { rampart, close } = await startLogged(path, { log });
  const headers = { authorization: 'Basic c4n4ry', cookie: 'sid=c4n4ry', 'proxy-authorization': 'c4n4ry' };
  const sent = { method: 'POST', headers: { ...headers, 'x-api-key': testKey, 'x-secret': 'c4n4ry' }, body: 'c4n4ry' };
  for (const target of ['/a?token=c4n4ry', '/broken?token=c4n4ry', '//a?c4n4ry'])
    await (await fetch(rampart.url + target, sent)).text();
  await sendRaw(rampart.port, 'GET /a%00?c4n4ry HTTP/1.1\r\nhost: a\r\nx: c4n4ry\r\n\r\n');
  await close();
  const written = readFileSync(path, 'utf8');
  assert.equal(linesOf(written).length, 4);
  assert.doesNotMatch(written + said.join(''), /c4n4ry|rk_t/);
  assert.equal(linesOf(written)[0]?.['http.request.body.size'], 6);
});

for (const [bytes, status, reason] of [
  ['GET /c4n4ry HTTP/1.1\r\nx c4n4ry\r\n\r\n', 400, 'malformed-request'],
  ['CONNECT c4n4ry:443 HTTP/1.1\r\nhost: c4n4ry\r\n\r\n', 405, 'method-not-allowed'],
  ['GET /c4n4ry HTTP/1.1\r\nhost: a\r\nexpect: c4n4ry\r\n\r\n', 417, 'expectation-failed'],
] as const) {
  test(`a request that is refused before it is one has a line with its reason and its id: ${reason}`, async () => {
    const path = join(newFolder(), 'access.log');
    const { rampart, close } = await startLogged(path);
    const reply = await sendRaw(rampart.port, bytes);
    await close();
    const text = readFileSync(path, 'utf8');
    const [line] = linesOf(text);
    assert.equal(line?.['http.response.status_code'], status);
    assert.equal(line['error.type'], reason);
    assert.equal(line['client.address'], '127.0.0.1');
    assert.ok(reply.text.includes(`"request_id":"${String(line['rampart.request_id'])}"`), reply.text);
    assert.doesNotMatch(text, /c4n4ry/);
    assert.equal(linesOf(text).length, 1);
  });
}

test('a request whose body turns out to be malformed has one line', async () => {
  const path = join(newFolder(), 'access.log');
  const { rampart, close } = await startLogged(path);
  await sendRaw(rampart.port, 'POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nnot a length\r\n');
  await close();
  assert.equal(linesOf(readFileSync(path, 'utf8')).length, 1);
});

test("a backend's own error is logged at warn, once a second for each backend", async () => {
  const said: Line[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void said.push(JSON.parse(line) as Line) });
  const { rampart } = await startLogged(join(newFolder(), 'access.log'), { log });
  for (let index = 0; index < 5; index++) await (await fetch(`${rampart.url}/broken`)).text();
  const errors = said.filter(({ msg }) => msg === 'a backend answered with an error');
  assert.ok(errors.length >= 1 && errors.length < 5, String(errors.length));
  assert.deepEqual([errors[0]?.['status'], errors[0]?.['endpoint'], errors[0]?.['phase']], [500, 'app', 'upstream']);
});

test('a tunnel is logged at its end, with the bytes of both directions', async () => {
  const path = join(newFolder(), 'access.log');
  const { rampart, close } = await startLogged(path, await echoing());
  await sendRaw(
    rampart.port,
    'GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n12345',
    { until: (text) => text.endsWith('12345') },
  );
  await eventually('the tunnel has ended', () => !/^rampart_streams\{[^}]*\} [1-9]/m.test(rampart.metrics()));
  await close();
  const [line] = linesOf(readFileSync(path, 'utf8'));
  assert.deepEqual(
    ['http.response.status_code', 'rampart.stream', 'http.request.body.size', 'http.response.body.size'].map(
      (name) => line?.[name],
    ),
    [101, 'tunnel', 5, 5],
  );
});

/** A backend that switches protocols, and sends back what it gets. */
async function echoing(): Promise<TestGatewayOptions> {
  const { origin, server } = await startBackend((_req, res) => void res.end());
  server.on('upgrade', (_req, socket, head) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    if (head.length > 0) socket.write(head);
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
  });
  return { upstreams: { app: { backends: [origin] } } };
}

test('a path that cannot be written stops the start with one line', async () => {
  const settings = await stackSettings({ GENERATOR_INSTANCES: '0', ACCESS_LOG: '/no/such/folder/access.log' });
  folders.push(settings['RAMPART_DATA_DIR'] as string);
  const { code, stderr } = await runRampart(['gateway'], settings);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /ACCESS_LOG must be a path that can be written, - or off: got '\/no\/such\/folder\/access\.log'/,
  );
});

test('a worker whose standard output nobody reads serves on', async () => {
  const settings = await stackSettings({
    GENERATOR_INSTANCES: '0',
    GATEWAY_WORKERS: '1',
    ACCESS_LOG: '-',
    LOG_LEVEL: 'debug',
  });
  folders.push(settings['RAMPART_DATA_DIR'] as string);
  const fifo = join(newFolder(), 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(fifo, constants.O_WRONLY);
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [rampartEntry, 'gateway'], {
    env: { PATH, HOME, ...settings },
    stdio: ['ignore', writer, 'inherit'],
    cwd: tmpdir(),
  });
  closeSync(writer);
  closers.push(async () => {
    child.kill('SIGKILL');
    closeSync(reader);
  });
  const url = `http://127.0.0.1:${settings['PORT']}/healthz`;
  const isUp = async (): Promise<boolean> => (await fetch(url).catch(() => undefined))?.ok === true;
  await eventually('the worker is up', isUp, 30_000);
  assert.equal(await load(url.replace('/healthz', '/healthz?'), (sent) => sent >= 1000).catch(String), 1000);
});
