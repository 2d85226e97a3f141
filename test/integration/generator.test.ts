import assert from 'node:assert/strict';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { codeOf } from '../../src/core/errors.ts';
import { barcodeWork } from '../../src/generator/barcode-work.ts';
import { createRenderer } from '../../src/generator/render.ts';
import { type Generator, type GeneratorOptions, startGenerator } from '../../src/generator/server.ts';
import type { WorkOutcome, Work } from '../../src/generator/work.ts';
import { rasterOfPng } from '../support/raster.ts';

const running: Generator[] = [];
const agents: Agent[] = [];

afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  await Promise.all(running.splice(0).map((generator) => generator.drain()));
});

test('POST /generate answers with the image', async () => {
  const { port } = await startBarcodes();
  const svg = await post(port, '{"symbology":"ean13","text":"325856113020"}');
  assert.equal(svg.status, 200);
  assert.equal(svg.headers['content-type'], 'image/svg+xml');
  assert.match(svg.body.toString(), /^<svg xmlns=.*<path d="M.*>3<.*>258561<.*>130200<.*<\/svg>$/s);
  const png = await post(port, '{"symbology":"qrcode","text":"Чак-Чак","format":"png","scale":3,"quietZone":1}');
  assert.equal(png.headers['content-type'], 'image/png');
  assert.equal(rasterOfPng(png.body).width, (21 + 2) * 3);
});

const refusals: readonly (readonly [
  body: string,
  status: number,
  reason: string,
  errors: readonly string[] | undefined,
])[] = [
  ['{"symbology":"ean13","text":"3258561130201"}', 422, 'unencodable', ['text check-digit']],
  ['{"symbology":"ean14","text":"1"}', 422, 'unencodable', ['symbology one-of']],
  ['{"symbology":"code39","text":"é"}', 422, 'unencodable', ['text charset']],
  [`{"symbology":"qrcode","text":"${'a'.repeat(2332)}"}`, 422, 'unencodable', ['text too-long']],
  [`{"symbology":"aztec","text":"${'a'.repeat(3800)}"}`, 422, 'unencodable', ['text too-long']],
  [
    `{"symbology":"code128","text":"${'aB'.repeat(40)}","format":"png","scale":32}`,
    422,
    'unencodable',
    ['scale too-large'],
  ],
  ['[]', 422, 'unencodable', [' type']],
  ['{"symbology":', 400, 'malformed-json', undefined],
  ['', 400, 'malformed-json', undefined],
  [`"${'a'.repeat(64 * 1024)}"`, 413, 'body-too-large', undefined],
];

for (const [body, status, reason, errors] of refusals) {
  test(`POST /generate refuses ${body.slice(0, 60)} with ${status} ${reason}`, async () => {
    const { port } = await startBarcodes();
    const reply = await post(port, body);
    assert.equal(reply.status, status);
    assert.equal(reply.headers['content-type'], 'application/problem+json');
    const problem = JSON.parse(reply.body.toString());
    assert.equal(problem.status, status);
    assert.equal(problem.reason, reason);
    assert.deepEqual(
      problem.errors?.map((error: { field: string; rule: string }) => `${error.field} ${error.rule}`),
      errors,
    );
    assert.equal((await post(port, '{"symbology":"qrcode","text":"a"}')).status, 200);
  });
}

test('a body that is not UTF-8 is malformed', async () => {
  const { port } = await startBarcodes();
  const body = Buffer.concat([Buffer.from('{"symbology":"qrcode","text":"'), Buffer.from([0xff]), Buffer.from('"}')]);
  assert.equal((await post(port, body)).status, 400);
});

test('a body without a length is cut off at the limit', async () => {
  const { port } = await startBarcodes();
  const head = 'POST /generate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  const reply = await raw(port, head + `4000\r\n${'a'.repeat(0x4000)}\r\n`.repeat(5));
  assert.match(reply, /^HTTP\/1.1 413 .*\r\nconnection: close\r\n/is);
});

test('other paths and methods get 404 and 405', async () => {
  const { port } = await startBarcodes();
  assert.equal((await send(port, 'GET', '/nowhere')).status, 404);
  const reply = await send(port, 'GET', '/generate');
  assert.equal(reply.status, 405);
  assert.equal(reply.headers.allow, 'POST');
});

test('beyond slots and queue a generator is overloaded, and says so at once', async () => {
  const work = new HeldWork();
  const generator = await start({ slots: 2, queueCapacity: 1, queueTimeoutMs: 60_000 }, work);
  const served = [post(generator.port, '{}'), post(generator.port, '{}')];
  await until(() => work.held === 2);
  const queued = post(generator.port, '{}');
  await until(() => generator.stats().queued === 1);
  const refused = await post(generator.port, '{}');
  assert.equal(refused.status, 503);
  assert.equal(JSON.parse(refused.body.toString()).reason, 'overloaded');
  assert.equal(refused.headers['retry-after'], '1');
  assert.equal(refused.headers['x-rampart-overloaded'], '1');
  assert.match(
    String(refused.headers['endpoint-load-metrics']),
    /^TEXT rps_fractional=0\.00, application_utilization=1\.500, named_metrics\.in_flight=2, named_metrics\.slots=2$/,
  );
  work.finish(1);
  await until(() => work.held === 2 && generator.stats().queued === 0);
  work.finish(2);
  assert.deepEqual(
    (await Promise.all([...served, queued])).map(({ status }) => status),
    [200, 200, 200],
  );
  await until(() => generator.stats().inFlight === 0);
  const { served: count, refused: turnedAway, queued: waiting } = generator.stats();
  assert.deepEqual([count, turnedAway, waiting], [3, 1, 0]);
});

test('a request that waits too long in the queue is refused as overloaded', async () => {
  const work = new HeldWork();
  const generator = await start({ slots: 1, queueTimeoutMs: 20 }, work);
  const served = post(generator.port, '{}');
  await until(() => work.held === 1);
  const refused = await post(generator.port, '{}');
  assert.equal(refused.status, 503);
  assert.ok(Number(/queue;dur=([\d.]+)/.exec(String(refused.headers['server-timing']))?.[1]) >= 15);
  work.finish(1);
  assert.equal((await served).status, 200);
});

test('a client that leaves the queue frees its place', async () => {
  const work = new HeldWork();
  const generator = await start({ slots: 1, queueCapacity: 1, queueTimeoutMs: 60_000 }, work);
  const served = post(generator.port, '{}');
  await until(() => work.held === 1);
  const leaver = connect(generator.port, '127.0.0.1');
  leaver.write('POST /generate HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}');
  await until(() => generator.stats().queued === 1);
  leaver.destroy();
  await until(() => generator.stats().queued === 0);
  work.finish(1);
  assert.equal((await served).status, 200);
  assert.equal(work.started, 1);
});

test('a client that leaves while it is served gives its slot back at once: a gateway counts connections', async () => {
  const work = new HeldWork();
  const generator = await start({ slots: 1 }, work);
  const leaver = connect(generator.port, '127.0.0.1');
  leaver.write('POST /generate HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}');
  await until(() => work.held === 1);
  leaver.destroy();
  await until(() => generator.stats().inFlight === 0);
  const next = post(generator.port, '{}');
  await until(() => work.held === 2);
  assert.equal(generator.stats().inFlight, 1);
  work.finish(2);
  assert.equal((await next).status, 200);
});

test('every reply carries load and timing', async () => {
  const { port } = await startBarcodes();
  const reply = await post(port, '{"symbology":"qrcode","text":"a"}');
  assert.match(
    String(reply.headers['endpoint-load-metrics']),
    /^TEXT rps_fractional=0\.\d\d, application_utilization=0\.250, named_metrics\.in_flight=1, named_metrics\.slots=4$/,
  );
  assert.match(String(reply.headers['server-timing']), /^queue;dur=\d+\.\d\d, render;dur=\d+\.\d\d$/);
});

test('GET /healthz tells how busy the generator is', async () => {
  const { port } = await startBarcodes();
  await post(port, '{"symbology":"qrcode","text":"a"}');
  await post(port, '{"symbology":"qrcode"}');
  const reply = await send(port, 'GET', '/healthz');
  assert.equal(reply.status, 200);
  const { renderSecondsTotal, ...rest } = JSON.parse(reply.body.toString());
  assert.ok(renderSecondsTotal > 0);
  const counters = { served: 1, refused: 0, rejected: 1, failed: 0 };
  assert.deepEqual(rest, {
    status: 'ok',
    kind: 'barcode',
    pid: process.pid,
    slots: 4,
    inFlight: 0,
    queued: 0,
    ...counters,
  });
});

test('a bug in the work is a 500, and is reported', async () => {
  const bugs: unknown[] = [];
  const work: Work = {
    kind: 'barcode',
    prepare: () => ({
      ok: true,
      job: () => {
        throw new Error('a bug');
      },
    }),
  };
  const generator = await start({ slots: 1 }, work, (error) => bugs.push(error));
  assert.equal((await post(generator.port, '{}')).status, 500);
  assert.equal((await post(generator.port, '{}')).status, 500);
  assert.deepEqual(bugs.map(String), ['Error: a bug', 'Error: a bug']);
  assert.equal(generator.stats().failed, 2);
});

test('an exception outside of the work costs its request alone', async () => {
  const bugs: unknown[] = [];
  const work: Work = {
    kind: 'calibrated',
    prepare() {
      throw new Error('a bug');
    },
  };
  const generator = await start({ slots: 1 }, work, (error) => bugs.push(error));
  await assert.rejects(post(generator.port, '{}'), { code: 'ECONNRESET' });
  assert.equal((await send(generator.port, 'GET', '/healthz')).status, 200);
  assert.deepEqual(bugs.map(String), ['Error: a bug']);
});

test('drain answers what is in flight and queued, refuses new connections, and closes', async () => {
  const work = new HeldWork();
  const generator = await start({ slots: 1, drainGraceMs: 60_000, queueTimeoutMs: 60_000 }, work);
  const agent = keepAlive();
  await send(generator.port, 'GET', '/healthz', { agent });
  const [inFlight, queued] = [post(generator.port, '{}'), post(generator.port, '{}')];
  await until(() => generator.stats().queued === 1 && work.held === 1);
  let drained = false;
  const draining = generator.drain().then(() => (drained = true));
  await assert.rejects(send(generator.port, 'GET', '/healthz'), { code: 'ECONNREFUSED' });
  const health = await send(generator.port, 'GET', '/healthz', { agent });
  assert.equal(health.status, 503);
  assert.equal(JSON.parse(health.body.toString()).status, 'draining');
  assert.equal(health.headers.connection, 'close');
  assert.equal(drained, false);
  work.finish(1);
  await until(() => work.held === 1);
  work.finish(1);
  for (const reply of await Promise.all([inFlight, queued])) {
    assert.deepEqual([reply.status, reply.headers.connection], [200, 'close']);
  }
  await draining;
});

test('drain closes idle connections after the grace period', async () => {
  const generator = await start({ slots: 1, drainGraceMs: 20 }, new HeldWork());
  const agent = keepAlive();
  await send(generator.port, 'GET', '/healthz', { agent });
  await generator.drain();
});

test('a taken port rejects with the error of the system', async () => {
  const first = await start({ slots: 1 }, new HeldWork());
  await assert.rejects(
    start({ slots: 1, port: first.port }, new HeldWork()),
    (error) => codeOf(error) === 'EADDRINUSE',
  );
});

/** Work that is done when the test says so. */
class HeldWork implements Work {
  readonly kind = 'calibrated';
  started = 0;
  #waiting: (() => void)[] = [];

  get held(): number {
    return this.#waiting.length;
  }

  prepare(): ReturnType<Work['prepare']> {
    return { ok: true, job: () => this.#hold() };
  }

  finish(count: number): void {
    for (const done of this.#waiting.splice(0, count)) done();
  }

  #hold(): Promise<WorkOutcome> {
    this.started++;
    const { promise, resolve } = Promise.withResolvers<WorkOutcome>();
    this.#waiting.push(() =>
      resolve({ ok: true, image: { contentType: 'image/svg+xml', bytes: Buffer.from('<svg/>') } }),
    );
    return promise;
  }
}

async function start(
  options: Partial<GeneratorOptions> & { slots: number },
  work: Work,
  onError: (error: unknown) => void = (error) => assert.fail(String(error)),
): Promise<Generator> {
  const whole = { host: '127.0.0.1', port: 0, drainGraceMs: 0, ...options };
  const generator = await startGenerator(whole, { clock: systemClock, work, onError });
  running.push(generator);
  return generator;
}

async function startBarcodes(): Promise<Generator> {
  return start({ slots: 4 }, barcodeWork(await createRenderer()));
}

function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true });
  agents.push(agent);
  return agent;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function post(port: number, body: string | Buffer): Promise<Answer> {
  return send(port, 'POST', '/generate', { body });
}

/** Sends one request, on a connection of its own unless an agent is given. */
function send(
  port: number,
  method: string,
  path: string,
  { body, agent = new Agent() }: { body?: string | Buffer; agent?: Agent } = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = request({ host: '127.0.0.1', port, method, path, agent }, (reply) => {
    const chunks: Buffer[] = [];
    reply.on('data', (chunk: Buffer) => chunks.push(chunk));
    reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(chunks) }));
    reply.on('error', reject);
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

/** What comes back for bytes until the other side closes. */
function raw(port: number, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => resolve(text));
  socket.on('close', () => resolve(text));
  socket.write(bytes);
  return promise;
}

/** Waits for a condition; fails after ten seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = systemClock.now() + 10_000;
  while (!condition()) {
    assert.ok(systemClock.now() < deadline, `still not so after 10 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
