import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { accessLogCounts } from '../../../../src/gateway/access-log/access-log.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';
import type { Answer } from '../../../../src/gateway/upstream/layer.ts';
import type { TestGatewayOptions } from '../../../support/gateway.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { type MemoryGateway, openMemoryGateway, replyOf } from '../../../support/memory-gateway.ts';
import { failed } from '../upstream/fakes.ts';

const open: MemoryGateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const ok = (): Answer => replyOf(200, {}, ['hello']);

async function setUp(answer: () => Answer | Promise<Answer>, fileConfig: TestGatewayOptions['accessLogConfig'] = {}) {
  const lines: string[] = [];
  const counts = accessLogCounts(quietInstruments().registry);
  const gateway = await openMemoryGateway(async () => answer(), {
    upstreams: { app: { backends: ['http://127.0.0.1:1'], cap: 1 } },
    routes: [
      { upstream: 'app', endpoint: 'open', path: '/open/*' },
      { upstream: 'app', endpoint: 'reset', path: '/reset/:token', secret: ['token'] },
      { upstream: 'app', endpoint: 'poll', path: '/poll', longLived: true },
      { upstream: 'app', endpoint: 'inner', path: '/inner/:token', deny: ['0.0.0.0/0'], secret: ['token'] },
    ],
    accessLog: { sink: { write: (line) => void lines.push(line) }, counts },
    accessLogConfig: fileConfig,
  });
  open.push(gateway);
  return { ...gateway, lines, counts, last: () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
}

test('AccessLog writes a request with its route, client, sizes and times, and no secret', async () => {
  const { ask, last, lines } = await setUp(ok, { query: ['page'] });
  const headerLines = ['host', 'a.example', 'user-agent', 'probe/1', 'traceparent', trace, 'x-request-id', 'r-1'];
  const secrets = ['authorization', 'Bearer c4n4ry', 'cookie', 'sid=c4n4ry', 'x-api-key', 'c4n4ry'];
  await ask({ target: '/open/a?token=c4n4ry&page=2', headerLines: [...headerLines, ...secrets] });
  assert.ok(!lines.join('').includes('c4n4ry'));
  const { 'rampart.duration_ms': duration, 'rampart.wait_ms': wait, 'rampart.exec_ms': exec, ...rest } = last();
  assert.deepEqual([typeof duration, typeof wait, typeof exec], ['number', 'number', 'number']);
  assert.deepEqual(rest, {
    timestamp: '2023-11-14T22:13:20.000Z',
    trace_id: 'a'.repeat(32),
    'rampart.request_id': 'r-1',
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'server.address': 'a.example',
    'url.path': '/open/a',
    'url.query': 'page=2',
    'http.route': '/open/*',
    'rampart.endpoint': 'open',
    'http.response.status_code': 200,
    'client.address': '192.0.2.1',
    'network.protocol.version': '2',
    'user_agent.original': 'probe/1',
    'http.request.body.size': 0,
    'http.response.body.size': 5,
    'rampart.upstream': 'app',
    'rampart.sample_rate': 1,
  });
});

test('AccessLog hides the parameters that a route marks as secret, also of requests that no route has taken', async () => {
  const { ask, lines } = await setUp(ok);
  for (const target of ['/reset/c4n4ry', '/reset/c4n4ry/', '/RESET/c4n4ry', '/%72eset/c4n4ry', '//reset/c4n4ry'])
    await ask({ target });
  const paths = lines.map((line) => (JSON.parse(line) as Record<string, unknown>)['url.path']);
  assert.deepEqual(paths, ['/reset/[redacted]', '/reset/[redacted]', '/RESET/[redacted]', '[redacted]', '[redacted]']);
});

test('AccessLog writes why a request failed or was refused', async () => {
  const { ask, last } = await setUp(() => failed({ refusal: new Refusal('upstream-failed', 'it broke') }));
  await ask({ target: '/open/a' });
  assert.deepEqual([last()['http.response.status_code'], last()['error.type']], [502, 'upstream-failed']);
  await ask({ target: '/nowhere' });
  assert.deepEqual(
    [last()['http.response.status_code'], last()['error.type'], last()['rampart.endpoint'], last()['http.route']],
    [404, 'not-found', 'unmatched', undefined],
  );
});

test('AccessLog writes which rule did not let the client in, and of no other refusal what the client was told', async () => {
  const { ask, last, lines } = await setUp(ok);
  await ask({ target: '/inner/c4n4ry' });
  assert.deepEqual(
    [last()['error.type'], last()['rampart.detail']],
    ['forbidden', 'the route may not be used from this address'],
  );
  await ask({ target: '/c4n4ry/nowhere' });
  assert.deepEqual([last()['error.type'], last()['rampart.detail']], ['not-found', undefined]);
  assert.doesNotMatch(lines[0] ?? '', /c4n4ry/);
});

test('AccessLog leaves out a share of ordinary requests, and no error and no slow request', async () => {
  let answer: Answer = ok();
  const { ask, last, lines, counts } = await setUp(() => answer, { sampleRate: 0, slowMs: 100 });
  await ask({ target: '/open/a' });
  assert.deepEqual([lines.length, counts.sampledOut.value], [0, 1]);
  answer = replyOf(503, {}, []);
  await ask({ target: '/open/a' });
  assert.deepEqual([last()['http.response.status_code'], last()['rampart.sample_rate']], [503, 1]);
  await ask({ target: '/nowhere' });
  assert.equal(lines.length, 2);
});

test('AccessLog keeps slow requests, but a long poll that waits for news is not slow', async () => {
  const waiting: ((answer: Answer) => void)[] = [];
  const { clock, send, lines } = await setUp(() => new Promise((resolve) => void waiting.push(resolve)), {
    sampleRate: 0,
  });
  for (const target of ['/open/a', '/poll']) {
    const client = send({ target });
    await new Promise((resolve) => void setImmediate(resolve));
    clock.advance(600);
    waiting.shift()?.(ok());
    await client.over;
  }
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as Record<string, unknown>)['rampart.endpoint']),
    ['open'],
  );
});

test('AccessLog writes the share of logged requests into the lines that sampling has kept', async () => {
  const { ask, lines } = await setUp(ok, { sampleRate: 0.5 });
  for (let index = 0; index < 100; index++) await ask({ target: '/open/a' });
  assert.ok(lines.length > 25 && lines.length < 75);
  assert.ok(lines.every((line) => line.includes('"rampart.sample_rate":0.5')));
});

test('AccessLog masks the address of the client', async () => {
  const network = await setUp(ok, { clientAddress: 'network' });
  await network.ask({ target: '/open/a' });
  assert.equal(network.last()['client.address'], '192.0.2.0/24');
  await network.ask({ target: '/open/a', peerAddress: '2001:db8:1:2:3::4' });
  assert.equal(network.last()['client.address'], '2001:db8:1:2::/64');
  const none = await setUp(ok, { clientAddress: 'none' });
  await none.ask({ target: '/open/a' });
  assert.equal(none.last()['client.address'], undefined);
});

test('AccessLog stays on one line below 4 KiB, whatever a client sends', async () => {
  const { ask, lines } = await setUp(ok);
  const odd = '\u0085\u00e9"\\'.repeat(1000);
  await ask({ target: `/open/${'%41'.repeat(2000)}`, headerLines: ['host', 'a', 'user-agent', odd] });
  await ask({ target: `/open/${'a'.repeat(8000)}`, headerLines: ['host', 'a'.repeat(253), 'user-agent', odd] });
  for (const line of lines) {
    assert.ok(line.length < 4096, String(line.length));
    assert.equal(line.indexOf('\n'), line.length - 1);
    assert.doesNotThrow(() => JSON.parse(line));
  }
});
