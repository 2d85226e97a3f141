import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { request } from 'undici';
import { attemptSpan, requestSpans } from '../../src/control/traces/spans-of.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { TestGatewayOptions } from '../support/gateway.ts';
import { closers, startBackend, startGateway } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { attributeOf, isServer, readSpan, type WireSpan } from '../support/spans.ts';

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const always = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

/** A gateway whose spans are kept here, in front of these backends. */
async function startTraced(origins: string[], more: TestGatewayOptions = {}) {
  const spans: WireSpan[] = [];
  const outbox: TestGatewayOptions['spans'] = {
    addRequest: (record) => void spans.push(...requestSpans(record).map(readSpan)),
    addAttempt: (record) => void spans.push(readSpan(attemptSpan(record))),
  };
  const rampart = await startGateway(origins, { spans: outbox, ...more, env: { ...always, ...more.env } });
  return { rampart, spans };
}

const spansOf = (spans: readonly WireSpan[], traceId: string): WireSpan[] =>
  spans.filter((span) => span.traceId === traceId);

const traceOf = (n: number): string => `1${n.toString(16).padStart(31, '0')}`;
const parentOf = (n: number): string => `2${n.toString(16).padStart(15, '0')}`;
const traceparent = (n: number, flags = '01'): Record<string, string> => ({
  traceparent: `00-${traceOf(n)}-${parentOf(n)}-${flags}`,
});

/** Kinds of requests with what their traces must be. */
const kinds = {
  fine: { path: '/fine', status: 200, attempts: [200] },
  missing: { path: '/missing', status: 404, attempts: [404] },
  broken: { path: '/broken', status: 500, attempts: [500] },
  reset: { path: '/reset', status: 502, attempts: ['upstream-failed', 'upstream-failed'] },
  busy: { path: '/busy', status: 200, attempts: [503, 200] },
  nowhere: { path: '/nowhere', status: 404, attempts: [] },
} as const;
type Kind = keyof typeof kinds;

test('traces: the spans of 1,000 mixed requests are those of a model: parents, resends, statuses', async () => {
  const names = Object.keys(kinds) as Kind[];
  const seen = new Map<string, string[]>();
  const busy = new Set<string>();
  const backends = await Promise.all(
    [0, 1].map(() =>
      startBackend((req, res) => {
        const said = String(req.headers['traceparent']);
        const trace = said.slice(3, 35);
        seen.set(trace, [...(seen.get(trace) ?? []), said]);
        if (req.url === '/fine') res.end('fine');
        else if (req.url === '/missing') res.writeHead(404).end();
        else if (req.url === '/broken') res.writeHead(500).end();
        else if (req.url === '/reset') req.socket.destroy();
        // The first attempt of each request is refused.
        else if (busy.has(trace)) res.end('now');
        else {
          busy.add(trace);
          res.writeHead(503, { 'retry-after': '0' }).end();
        }
      }),
    ),
  );
  const { rampart, spans } = await startTraced(
    backends.map(({ origin }) => origin),
    {
      upstreams: { app: { backends: backends.map(({ origin }) => origin), cap: 50 } },
      routes: names
        .filter((name) => name !== 'nowhere')
        .map((name) => ({ endpoint: name, path: `/${name}`, upstream: 'app' })),
    },
  );
  const random = seededRandom(7);
  const sent: Kind[] = Array.from({ length: 1000 }, () => names[Math.floor(random() * names.length)] as Kind);
  const statuses: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let n = next++; n < sent.length; n = next++) {
      const { statusCode, body } = await request(rampart.url + kinds[sent[n] as Kind].path, {
        headers: { ...traceparent(n), tracestate: `vendor=${n}` },
      });
      statuses[n] = statusCode;
      await body.dump();
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  await eventually('every request has its span', () => spans.filter(isServer).length === sent.length);
  for (const [n, kind] of sent.entries()) {
    const model = kinds[kind];
    const [trace, what] = [traceOf(n), `request ${n}, ${kind}`];
    const own = spansOf(spans, trace);
    const [server, ...others] = own.filter(isServer);
    assert.ok(server !== undefined && others.length === 0, what);
    assert.equal(server.parentSpanId, parentOf(n), what);
    assert.deepEqual([server.traceState, server.flags], [`vendor=${n}`, 0x301], what);
    assert.equal(Number(attributeOf(server, 'http.response.status_code')), statuses[n], what);
    assert.equal(server.status.code, (statuses[n] as number) >= 500 ? 2 : undefined, what);
    const attempts = own.filter((span) => !isServer(span));
    // A retry needs budget, so there may be fewer of them.
    if (!(attempts.length <= model.attempts.length && attempts.length >= Math.min(1, model.attempts.length)))
      console.log(kind, statuses[n], JSON.stringify(attempts), seen.get(trace));
    assert.ok(attempts.length <= model.attempts.length && attempts.length >= Math.min(1, model.attempts.length), what);
    for (const [index, attempt] of attempts.entries()) {
      const expected = model.attempts[index];
      assert.equal(attempt.parentSpanId, server.spanId, what);
      assert.deepEqual([attempt.traceState, attempt.flags], [`vendor=${n}`, 0x101], what);
      assert.equal(Number(attributeOf(attempt, 'http.request.resend_count') ?? 0), index, what);
      const isError = typeof expected === 'string' || Number(expected) >= 400;
      assert.equal(attributeOf(attempt, 'error.type'), isError ? String(expected) : undefined, what);
      assert.equal(attempt.status.code, isError ? 2 : undefined, what);
      const status = attributeOf(attempt, 'http.response.status_code');
      assert.equal(
        status === undefined ? undefined : Number(status),
        typeof expected === 'number' ? expected : undefined,
      );
    }
    // Each backend saw the span of its own attempt as the parent.
    const parents = attempts.map(({ spanId }) => `00-${trace}-${spanId}-01`);
    assert.deepEqual(seen.get(trace) ?? [], parents, what);
  }
  assert.ok(spans.some((span) => attributeOf(span, 'http.request.resend_count') === '1'));
});

test('traces: a tracestate in several lines is one, up to 512 characters', async () => {
  const backend = await startBackend((_req, res) => void res.end());
  const { rampart, spans } = await startTraced([backend.origin]);
  const cases: [string[], string | undefined][] = [
    [['a=1', 'b="\\2"'], 'a=1,b="\\2"'],
    [[`a=${'x'.repeat(510)}`], `a=${'x'.repeat(510)}`],
    [[`a=${'x'.repeat(300)}`, `b=${'x'.repeat(300)}`], undefined],
  ];
  for (const [n, [tracestate]] of cases.entries())
    await (await request(`${rampart.url}/fine`, { headers: { ...traceparent(n), tracestate } })).body.dump();
  await eventually('the spans', () => spans.filter(isServer).length === cases.length);
  for (const [n, [, expected]] of cases.entries())
    for (const span of spansOf(spans, traceOf(n))) assert.equal(span.traceState, expected);
});

test('traces: a request without a trace starts one, whose random flag is set, and drops a lone tracestate', async () => {
  const said: (string | string[] | undefined)[] = [];
  const backend = await startBackend((req, res) => {
    said.push(req.headers['traceparent'], req.headers['tracestate']);
    res.end();
  });
  const { rampart, spans } = await startTraced([backend.origin]);
  await (await request(`${rampart.url}/fine`, { headers: { tracestate: 'a=b' } })).body.dump();
  await eventually('there are two spans', () => spans.length === 2);
  const [server, attempt] = spans as [WireSpan, WireSpan];
  assert.deepEqual(said, [`00-${server.traceId}-${attempt.spanId}-03`, undefined]);
  assert.equal(server.parentSpanId, undefined);
  assert.equal(server.name, 'GET /*');
});

test('traces: a caller that does not sample is followed, yet errors are kept and marked', async () => {
  const flags: string[] = [];
  const backend = await startBackend((req, res) => {
    flags.push(String(req.headers['traceparent']).slice(-2));
    res.writeHead(req.url === '/broken' ? 500 : 200).end();
  });
  const { rampart, spans } = await startTraced([backend.origin]);
  for (const path of ['/fine', '/broken'])
    await (await request(rampart.url + path, { headers: traceparent(1, '00') })).body.dump();
  await eventually('the failed request has its spans', () => spans.length === 2);
  assert.deepEqual(flags, ['00', '00']);
  assert.equal(attributeOf(spans[0] as WireSpan, 'rampart.sampled'), 'late');
  assert.equal(attributeOf(spans[0] as WireSpan, 'url.path'), '/broken');
});

test('traces: always_off keeps nothing, not even errors, and a trace goes on', async () => {
  const parents: string[] = [];
  const backend = await startBackend((req, res) => {
    parents.push(String(req.headers['traceparent']));
    res.writeHead(500).end();
  });
  const { rampart, spans } = await startTraced([backend.origin], { env: { OTEL_TRACES_SAMPLER: 'always_off' } });
  await (await request(`${rampart.url}/broken`, { headers: traceparent(1) })).body.dump();
  assert.match(parents.join(), new RegExp(`^00-${traceOf(1)}-[0-9a-f]{16}-00$`));
  assert.equal(spans.length, 0);
});

test('traces: of strangers are not continued where only trusted proxies are believed', async () => {
  const said: (string | string[] | undefined)[] = [];
  const backend = await startBackend((req, res) => {
    said.push(req.headers['traceparent'], req.headers['tracestate']);
    res.end();
  });
  const strict = { traces: { trust: 'trustedProxies' } } as const;
  const headers = { ...traceparent(1), tracestate: 'a=b' };
  const stranger = await startTraced([backend.origin], strict);
  await (await request(stranger.rampart.url, { headers })).body.dump();
  const proxy = await startTraced([backend.origin], { ...strict, trustedProxies: ['127.0.0.1'] });
  await (await request(proxy.rampart.url, { headers })).body.dump();
  assert.notEqual(String(said[0]).slice(3, 35), traceOf(1));
  assert.equal(said[1], undefined);
  assert.equal(String(said[2]).slice(3, 35), traceOf(1));
  assert.equal(said[3], 'a=b');
});

test('traces: a client that leaves is no error of the gateway or of the backend', async () => {
  const backend = await startBackend(() => {});
  const { rampart, spans } = await startTraced([backend.origin]);
  const leaving = new AbortController();
  const asked = request(rampart.url, { signal: leaving.signal, headers: traceparent(1) });
  await eventually('the backend has it', () => /backend_in_flight\{[^}]*\} 1/.test(rampart.metrics()));
  leaving.abort();
  await assert.rejects(asked);
  await eventually('there are two spans', () => spans.length === 2);
  for (const span of spans) assert.equal(span.status.code, undefined, span.name);
  assert.equal(attributeOf(spans[1] as WireSpan, 'rampart.cancelled'), 'client');
});

test('traces: show no more of an address than the access log may', async () => {
  const backend = await startBackend((_req, res) => res.end());
  const shown: unknown[] = [];
  for (const clientAddress of ['full', 'network', 'none'] as const) {
    const { rampart, spans } = await startTraced([backend.origin], { accessLogConfig: { clientAddress } });
    await (await request(rampart.url)).body.dump();
    await eventually('there are two spans', () => spans.length === 2);
    shown.push(attributeOf(spans.find(isServer) as WireSpan, 'client.address'));
  }
  assert.deepEqual(shown, ['127.0.0.1', '127.0.0.0/24', undefined]);
});

test('traces: neither query nor secret path parts are in spans', async () => {
  const backend = await startBackend((_req, res) => res.end());
  const { rampart, spans } = await startTraced([backend.origin], {
    routes: [
      { endpoint: 'reset', path: '/reset/:token', upstream: 'app', secret: ['token'] },
      { endpoint: 'plain', path: '/plain', upstream: 'app' },
    ],
    upstreams: { app: { backends: [backend.origin] } },
  });
  for (const path of ['/reset/c4n4ry?key=c4n4ry', '/plain?key=c4n4ry', '/resett/c4n4ry'])
    await (
      await request(rampart.url + path, { headers: { authorization: 'Bearer c4n4ry', cookie: 'c4n4ry' } })
    ).body.dump();
  await eventually('there are five spans', () => spans.length === 5);
  assert.doesNotMatch(JSON.stringify(spans), /c4n4ry/);
  assert.equal(attributeOf(spans[0] as WireSpan, 'url.path'), '/reset/[redacted]');
});

test('traces: an event stream and a long poll are streams as in the access log, any other reply is none', async () => {
  const backend = await startBackend((req, res) =>
    res
      .writeHead(200, { 'content-type': req.url === '/events' ? 'text/event-stream' : 'text/plain' })
      .end('data: 1\n\n'),
  );
  const { rampart, spans } = await startTraced([backend.origin], {
    routes: [
      { endpoint: 'poll', path: '/poll', upstream: 'app', longLived: true },
      { endpoint: 'app', path: '/*', upstream: 'app' },
    ],
    upstreams: { app: { backends: [backend.origin] } },
  });
  for (const path of ['/events', '/poll', '/plain']) await (await request(rampart.url + path)).body.dump();
  await eventually('there are six spans', () => spans.length === 6);
  const kinds = spans
    .filter(isServer)
    .map((span) => [attributeOf(span, 'url.path'), attributeOf(span, 'rampart.stream')]);
  assert.deepEqual(kinds, [
    ['/events', 'reply'],
    ['/poll', 'reply'],
    ['/plain', undefined],
  ]);
});

test('traces: coalesced requests share the attempt of their leader, and a hit has none', async () => {
  const backend = await startBackend((_req, res) => {
    setTimeout(() => res.writeHead(200, { 'cache-control': 'max-age=60' }).end('kept'), 50);
  });
  const { rampart, spans } = await startTraced([backend.origin], {
    upstreams: { app: { backends: [backend.origin] } },
    routes: [{ endpoint: 'kept', path: '/*', upstream: 'app', cache: {} }],
  });
  const ask = async (n: number): Promise<void> =>
    void (await (await request(`${rampart.url}/x`, { headers: traceparent(n) })).body.dump());
  await Promise.all([ask(1), ask(2), ask(3)]);
  await ask(4);
  await eventually('each request has its span', () => spans.filter(isServer).length === 4);
  const attempts = spans.filter((span) => !isServer(span));
  assert.equal(attempts.length, 1);
  const leader = spans.find(({ spanId }) => spanId === attempts[0]?.parentSpanId);
  assert.equal(attributeOf(leader as WireSpan, 'rampart.cache'), 'miss');
  const others = spans.filter((span) => isServer(span) && span !== leader);
  assert.deepEqual(others.map((span) => attributeOf(span, 'rampart.cache')).toSorted(), [
    'collapsed',
    'collapsed',
    'hit',
  ]);
  const shared = others.find((span) => attributeOf(span, 'rampart.cache') === 'collapsed');
  assert.deepEqual(
    shared?.events?.map(({ name }) => name),
    ['shared the reply of another request'],
  );
});

test('traces: without a collector a trace passes as it came, and there are no spans', async () => {
  const said: unknown[] = [];
  const backend = await startBackend((req, res) => {
    said.push(req.headers['traceparent']);
    res.end();
  });
  const rampart = await startGateway([backend.origin]);
  await (await request(rampart.url, { headers: traceparent(1) })).body.dump();
  assert.deepEqual(said, [traceparent(1)['traceparent']]);
});
