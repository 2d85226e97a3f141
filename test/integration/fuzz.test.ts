import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { buildConfig, loadConfig } from '../../src/config/config.ts';
import { Control } from '../../src/control/control.ts';
import { controlSocket } from '../../src/control/control-socket.ts';
import { ControlLink } from '../../src/control/link.ts';
import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createRenderer } from '../../src/generator/render.ts';
import { startGenerator } from '../../src/generator/server.ts';
import { barcodeWork } from '../../src/generator/barcode-work.ts';
import { Bugs } from '../../src/metrics/bugs.ts';
import { Registry } from '../../src/metrics/instruments.ts';
import { renderPrometheus } from '../../src/metrics/exposition.ts';
import { fixedConfig } from '../support/config-source.ts';
import { startTestGateway } from '../support/gateway.ts';
import { controlExamples, lineOf, memberExamples } from '../support/messages.ts';
import { quietInstruments } from '../support/instruments.ts';
import { startOpenAdmin } from '../support/admin.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';

const CONNECTIONS = 400;
const seed = Number(process.env['FUZZ_SEED'] ?? 1);

/** Requests to begin with; what is sent is a mutation of one or of several of them. */
const requests = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /v1/barcodes?page_size=5 HTTP/1.1\r\nHost: a\r\nx-api-key: rk_tttttttttttttttttttttttttttttttt\r\n\r\n',
  'POST /generate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 34\r\n\r\n{"symbology":"qrcode","text":"hi"}',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n',
];

/** Messages of a process to begin with: one of each type, and some that no version sends. */
const memberLines = [
  ...Object.values(memberExamples).map(lineOf),
  lineOf({ type: 'cache-position' }),
  lineOf({ type: 'invalidate', id: 1, order: { purge: {} } }),
  '{"type":"report","metrics":[{"name":"a"}],"status":null}\n',
  '{"type":"holdings","held":{"app":"x"},"pidNamespace":1}\n',
  '{"type":"held","upstream":"app","report":null}\n',
  '{"type":"tokens","asks":[null]}\n',
  '{"type":"invalidate","id":1,"order":{"invalidate":{"host":"a","targets":"/x"}}}\n',
  '{"type":"forgotten","number":"x","entries":-1}\n',
  '{"type":"constructor"}\n{"type":"__proto__"}\n[]\nnull\n"x"\n7\n',
];

const controlLines = [
  ...Object.values(controlExamples).map(lineOf),
  lineOf({
    type: 'lease',
    upstream: 'app',
    order: { kind: 'recall', number: 2, mode: 'spare', limits: { 'app-0': 1 } },
  }),
  '{"type":"lease","upstream":"app","order":null}\n',
  '{"type":"tokens","grants":[null]}\n',
  '{"type":"forget","position":{"epoch":1,"number":1},"orders":[{"purge":7}]}\n',
];

function mutate(bytes: Buffer, random: () => number): Buffer {
  const at = (length: number): number => Math.floor(random() * length);
  let out = Buffer.from(bytes);
  for (let count = at(4); count > 0 && out.length > 0; count--) {
    const index = at(out.length);
    const kind = at(5);
    if (kind === 0) out[index] = at(256);
    else if (kind === 1) out = out.subarray(0, index);
    else if (kind === 2) out = Buffer.concat([out.subarray(0, index), out.subarray(at(out.length))]);
    else if (kind === 3)
      out = Buffer.concat([out.subarray(0, index), Buffer.from('\r\n'.repeat(at(3))), out.subarray(index)]);
    else out = Buffer.concat([out.subarray(0, index), Buffer.alloc(at(64), at(256)), out.subarray(index)]);
  }
  return out;
}

/** Sends bytes in up to three parts, and leaves after a moment in one of three ways. */
function play(target: number | string, bytes: Buffer, random: () => number): Promise<void> {
  return new Promise((resolve) => {
    const socket = typeof target === 'number' ? connect(target, '127.0.0.1') : connect(target);
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
    const cut = Math.floor(random() * bytes.length);
    socket.write(bytes.subarray(0, cut));
    setTimeout(() => socket.write(bytes.subarray(cut)), random() * 3);
    const leave = random();
    const reset = leave < 0.3 && typeof target === 'number';
    setTimeout(() => (reset ? socket.resetAndDestroy() : leave < 0.6 ? socket.end() : socket.destroy()), 10);
    setTimeout(() => socket.destroy(), 300);
  });
}

async function playAll(target: number | string, corpus: readonly string[], extra: string): Promise<void> {
  const random = seededRandom(seed);
  for (let round = 0; round < CONNECTIONS; round += 20) {
    const games = Array.from({ length: 20 }, () => {
      const parts = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
        const one = corpus[Math.floor(random() * corpus.length)] as string;
        return mutate(Buffer.from(one, 'latin1'), random);
      });
      return play(target, Buffer.concat([Buffer.from(random() < 0.5 ? extra : ''), ...parts]), random);
    });
    await Promise.all(games);
  }
}

const bugsOf = (text: string): string[] => text.match(/^rampart_bugs_total\{.*$/gm) ?? [];

describe('random and mutated bytes end no process and keep no permit', () => {
  test('the public listener', async () => {
    const { origin } = await startBackend((req, res) => {
      req.resume().on('end', () => setTimeout(() => res.end('ok'), 2));
    });
    const rampart = await startTestGateway({
      upstreams: { app: { backends: [origin], cap: 4 }, other: { backends: [origin], cap: 2 } },
      routes: [
        { endpoint: 'app', path: '/*', upstream: 'app' },
        { endpoint: 'kept', path: '/healthz/*', upstream: 'other', cache: { ttlSeconds: 1 } },
      ],
      generators: [origin],
    });
    closers.push(() => rampart.close());
    await playAll(rampart.port, requests, '');
    await eventually('nothing in flight anywhere', () => {
      const gauges = [...rampart.metrics().matchAll(/^rampart_(?:backend_)?in_flight\{[^}]*\} (-?\d+)$/gm)];
      return gauges.length > 0 && gauges.every(([, value]) => value === '0');
    });
    assert.deepEqual(bugsOf(rampart.metrics()), []);
    // All permits are there: as many requests as the cap allows get through at the same time.
    const replies = await Promise.all(Array.from({ length: 4 }, () => fetch(`${rampart.url}/x`)));
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 200, 200],
    );
  });

  test("a generator's listener", async () => {
    const errors: unknown[] = [];
    const work = barcodeWork(await createRenderer());
    const onError = (error: unknown): void => void errors.push(error);
    const options = { host: '127.0.0.1', port: 0, slots: 2 };
    const running = await startGenerator(options, { clock: systemClock, work, onError });
    await playAll(running.port, requests, '');
    assert.equal((await fetch(`http://127.0.0.1:${running.port}/healthz`)).status, 200);
    await eventually('its slots are free', () => running.stats().inFlight === 0);
    await running.drain();
    assert.deepEqual(errors, []);
  });

  test("the admin listener, and control's socket", async () => {
    const runFolder = mkdtempSync(join(tmpdir(), 'rampart-fuzz-'));
    const { env } = await loadConfig({ GENERATOR_INSTANCES: '1' }, import.meta.dirname);
    const config = buildConfig(
      env,
      { upstreams: { app: { backends: ['http://127.0.0.1:1'] } } },
      import.meta.dirname,
      new Set(),
    );
    const log = pino({ level: 'silent' });
    const registry = new Registry();
    const bugs = new Bugs(log, registry);
    // Files of another shape, as of another version: control must start at all.
    writeFileSync(join(runFolder, 'metrics.json'), '{"ended":[{"name":1}],"members":{"m":3}}');
    writeFileSync(join(runFolder, 'leases.json'), '{"holders":[null],"leases":{"app":5}}');
    const control = new Control({
      ...fixedConfig(config, runFolder),
      clock: systemClock,
      random: () => 0.5,
      log,
      registry,
      bugs,
      runFolder,
      version: '1',
    });
    await control.listen();
    const admin = await startOpenAdmin(control);
    const { port } = admin.address() as AddressInfo;
    closers.push(async () => {
      admin.closeAllConnections();
      admin.close();
      await control.close();
      rmSync(runFolder, { recursive: true, force: true });
    });
    const adminRequests = [
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'POST /api/cap HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n{"upstream":"app","cap":5}',
      'POST /api/cache/purge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
    ];
    await playAll(port, adminRequests, '');
    await playAll(controlSocket(runFolder), memberLines, lineOf(memberExamples.hello));
    assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 200);
    assert.deepEqual(bugsOf(renderPrometheus(registry.snapshot())), []);
  });

  test('what control says to a process', async () => {
    const received: string[] = [];
    const runFolder = mkdtempSync(join(tmpdir(), 'rampart-fuzz-'));
    const path = join(runFolder, 'c.sock');
    const random = seededRandom(seed);
    const { createServer } = await import('node:net');
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.on('error', () => {});
      socket.on('data', () => {
        const one = controlLines[Math.floor(random() * controlLines.length)] as string;
        socket.write(mutate(Buffer.from(one), random));
        setTimeout(() => socket.destroy(), 2);
      });
    });
    await new Promise<void>((resolve) => void server.listen(path, resolve));
    const instruments = quietInstruments();
    const link = new ControlLink({
      ...instruments,
      socketPath: path,
      hello: memberExamples.hello,
      clock: systemClock,
      random: () => 0,
      status: () => ({}),
      onMessage: (message) => received.push(message.type),
    });
    await eventually('many connections', () => connections > 20, 20_000);
    await link.close();
    server.close();
    rmSync(runFolder, { recursive: true, force: true });
    assert.deepEqual(bugsOf(renderPrometheus(instruments.registry.snapshot())), []);
    assert.ok(received.every((type) => Object.hasOwn(controlExamples, type)));
  });
});
