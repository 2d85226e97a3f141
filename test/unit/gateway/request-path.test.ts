import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { Answer, Service } from '../../../src/gateway/upstream/layer.ts';
import { ClientGone } from '../../../src/gateway/upstream/cancellable.ts';
import type { UpstreamCall } from '../../../src/gateway/upstream/upstream-call.ts';
import { Refusal } from '../../../src/gateway/refusal.ts';
import { testKey, type TestGatewayOptions } from '../../support/gateway.ts';
import { type MemoryGateway, openMemoryGateway, replyOf } from '../../support/memory-gateway.ts';
import { failed } from './upstream/fakes.ts';

const open: MemoryGateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

type Answering = (call: UpstreamCall) => Answer | Promise<Answer>;

/** A worker with the routes /open/*, /keyed/* and /cached/*, whose backend gives this answer. */
async function setUp(answering: Answering, options: TestGatewayOptions = {}) {
  const calls: UpstreamCall[] = [];
  const service: Service = async (call) => {
    calls.push(call);
    return answering(call);
  };
  const route = { upstream: 'app' };
  const gateway = await openMemoryGateway(service, {
    upstreams: { app: { backends: ['http://127.0.0.1:1'], cap: 1 } },
    routes: [
      { ...route, endpoint: 'open', path: '/open/*', maxBodyBytes: 8 },
      { ...route, endpoint: 'keyed', path: '/keyed/*', authenticate: true },
      { ...route, endpoint: 'cached', path: '/cached/*', cache: {} },
    ],
    ...options,
  });
  open.push(gateway);
  return { ...gateway, calls };
}

const ok = (): Answer => replyOf(200, { 'content-type': 'text/plain', connection: 'close' }, ['he', 'llo']);
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const reasonOf = ({ body }: { body: string }): unknown => (JSON.parse(body) as { reason: unknown }).reason;

describe('requestPath, without a protocol', () => {
  test('passes a request to a backend and its reply to the client', async () => {
    const { ask, calls, metrics } = await setUp(ok);
    const client = await ask({
      target: '/open/a?b=1',
      headerLines: ['Host', 'a.example', 'X-Custom', 'yes', 'Keep-Alive', 'timeout=5'],
      peerAddress: '198.51.100.7',
    });
    assert.deepEqual([client.status, client.body, client.isDelivered], [200, 'hello', true]);
    assert.deepEqual([client.headers.get('content-type'), client.headers.has('connection')], ['text/plain', false]);
    assert.match(client.headers.get('server-timing') ?? '', /^wait;dur=0, exec;dur=0/);
    const { path, headers = [] } = calls[0]?.request ?? {};
    assert.equal(path, '/open/a?b=1');
    const sent = Object.fromEntries(headers.flatMap((name, index) => (index % 2 ? [] : [[name, headers[index + 1]]])));
    assert.equal(sent['x-custom'], 'yes');
    assert.equal(sent['keep-alive'], undefined);
    assert.equal(sent['x-forwarded-for'], '198.51.100.7');
    assert.match(sent['via'] ?? '', /^2 rampart-/);
    assert.equal(sent['x-request-id'], client.headers.get('x-request-id'));
    assert.match(metrics(), /rampart_requests_total\{endpoint="open",status="200"\} 1/);
  });

  test('refuses a path that no route has, and a request without a key, before a backend is asked', async () => {
    const { ask, calls } = await setUp(ok);
    const missing = await ask({ target: '/nothing' });
    assert.deepEqual([missing.status, reasonOf(missing)], [404, 'not-found']);
    const unknown = await ask({ target: '/keyed/a' });
    assert.deepEqual([unknown.status, reasonOf(unknown)], [401, 'unauthenticated']);
    assert.equal(calls.length, 0);
    const known = await ask({ target: '/keyed/a', headerLines: ['Host', 'a', 'x-api-key', testKey] });
    assert.equal(known.status, 200);
    assert.ok(!calls[0]?.request.headers.includes(testKey));
  });

  test('limits the rate of an address', async () => {
    const { ask, clock } = await setUp(ok, { addressLimit: { requestsPerSecond: 1, burst: 1 } });
    assert.equal((await ask({ target: '/open/a' })).status, 200);
    const limited = await ask({ target: '/open/a' });
    assert.deepEqual([limited.status, limited.headers.get('retry-after')], [429, '1']);
    assert.equal((await ask({ target: '/open/a', peerAddress: '198.51.100.1' })).status, 200);
    clock.advance(1000);
    assert.equal((await ask({ target: '/open/a' })).status, 200);
  });

  test('answers out of the cache', async () => {
    const { ask, calls } = await setUp(() =>
      replyOf(200, { 'cache-control': 'max-age=60', 'content-length': '4' }, ['kept']),
    );
    assert.match((await ask({ target: '/cached/a' })).headers.get('cache-status') ?? '', /fwd=uri-miss/);
    const hit = await ask({ target: '/cached/a' });
    assert.deepEqual([hit.body, hit.headers.get('age'), calls.length], ['kept', '0', 1]);
    assert.match(hit.headers.get('cache-status') ?? '', /; hit/);
  });

  test('passes interim replies on', async () => {
    const { ask } = await setUp((call) => {
      call.inform(103, { link: '</a>' });
      return ok();
    });
    assert.deepEqual((await ask({ target: '/open/a' })).informational, [103]);
  });

  test('receives a body whole before it asks a backend', async () => {
    const { send, calls } = await setUp(ok);
    const headerLines = ['Host', 'a', 'Content-Length', '6'];
    const client = send({ method: 'POST', target: '/open/a', headerLines });
    await settle();
    client.send('abc');
    await settle();
    assert.equal(calls.length, 0);
    client.send('def');
    client.sendEnd();
    await client.over;
    const body = calls[0]?.request.body;
    assert.deepEqual([client.status, typeof body === 'function' && String(body())], [200, 'abcdef']);
  });

  test('refuses a body that is longer than the route takes, announced or not', async () => {
    const { ask, send, calls } = await setUp(ok);
    const announced = await ask({
      method: 'POST',
      target: '/open/a',
      headerLines: ['Host', 'a', 'Content-Length', '9'],
    });
    assert.deepEqual([announced.status, announced.closeAfterReply], [413, true]);
    const client = send({ method: 'POST', target: '/open/a', headerLines: ['Host', 'a', 'Content-Length', '8'] });
    await settle();
    client.send('123456789');
    await client.over;
    assert.deepEqual([client.status, calls.length], [413, 0]);
  });

  test('counts a client that leaves within its body, and asks no backend', async () => {
    const { send, calls, metrics } = await setUp(ok);
    const client = send({ method: 'POST', target: '/open/a', headerLines: ['Host', 'a', 'Content-Length', '4'] });
    await settle();
    client.send('ab');
    client.leave();
    await settle();
    assert.deepEqual([client.headSent, calls.length], [false, 0]);
    assert.match(metrics(), /rampart_requests_total\{endpoint="open",status="499"\} 1/);
  });

  test('cancels the call of a client that leaves', async () => {
    const never = Promise.withResolvers<Answer>();
    const { send, calls, metrics } = await setUp(() => never.promise);
    const client = send({ target: '/open/a' });
    await settle();
    client.leave();
    assert.ok(calls[0]?.cancelled instanceof ClientGone);
    never.resolve(failed());
    await settle();
    assert.equal(client.headSent, false);
    assert.match(metrics(), /rampart_requests_total\{endpoint="open",status="499"\} 1/);
    assert.match(metrics(), /rampart_in_flight\{endpoint="open"\} 0/);
  });

  test('cuts a reply that its backend does not finish', async () => {
    const { ask } = await setUp(() => replyOf(200, {}, ['half'], failed({ replyStarted: true })));
    const client = await ask({ target: '/open/a' });
    assert.deepEqual([client.body, client.isCut, client.ended], ['half', true, false]);
  });

  test('turns a refusal of the layers into a problem reply', async () => {
    const refusal = new Refusal('overloaded', 'too much', { retryAfterSeconds: 2 });
    const { ask } = await setUp(() => ({ kind: 'refused', refusal }));
    const client = await ask({ target: '/open/a' });
    assert.deepEqual([client.status, reasonOf(client), client.headers.get('retry-after')], [503, 'overloaded', '2']);
  });

  test('answers a bug with 500, and counts it', async () => {
    const { ask, metrics } = await setUp(() => {
      throw new Error('a bug');
    });
    const client = await ask({ target: '/open/a' });
    assert.deepEqual([client.status, reasonOf(client)], [500, 'internal-error']);
    assert.match(metrics(), /rampart_bugs_total\{where="request"\} 1/);
  });

  test('buffers the bytes that a slow client has not read', async () => {
    const { send } = await setUp(() => replyOf(200, {}, ['a', 'b', 'c']));
    const client = send({ target: '/open/a' });
    client.isFull = true;
    await settle();
    assert.deepEqual([client.body, client.ended], ['a', false]);
    client.read();
    await client.over;
    assert.deepEqual([client.body, client.isDelivered], ['abc', true]);
  });
});
