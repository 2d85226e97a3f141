import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** Every metric of the contract whose part exists. */
const metricNames = [
  'rampart_requests_total',
  'rampart_errors_total',
  'rampart_latency_seconds',
  'rampart_in_flight',
  'rampart_wait_seconds',
  'rampart_exec_seconds',
  'rampart_rejections_total',
  'rampart_rate_limit_total',
  'rampart_rate_limit_by_share_total',
  'rampart_queue_depth',
  'rampart_backend_in_flight',
  'rampart_backend_cap',
  'rampart_backend_up',
  'rampart_backend_requests_total',
  'rampart_cache_requests_total',
  'rampart_cache_bytes',
  'rampart_cache_entries',
  'rampart_cache_evictions_total',
  'rampart_db_pool_connections',
  'rampart_db_pool_wait_seconds',
  'rampart_ledger_records_total',
  'rampart_ledger_pending',
  'rampart_event_loop_delay_seconds',
];

interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly reason: string;
  readonly request_id: string;
  readonly errors?: readonly { field: string; rule: string; detail: string }[];
}

describe('a stack as users start it', () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack({ QUEUE_CAPACITY: '50' });
  });
  after(() => stack.stop());

  const ask = (path: string, init: RequestInit & { key?: string } = {}): Promise<Response> =>
    fetch(`${stack.url}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${init.key ?? stack.key}`,
        'content-type': 'application/json',
        ...init.headers,
      },
    });
  const create = (body: unknown, key?: string): Promise<Response> =>
    ask('/v1/barcodes', { method: 'POST', body: JSON.stringify(body), ...(key === undefined ? {} : { key }) });
  const problemOf = async (reply: Response): Promise<Problem> => (await reply.json()) as Problem;

  test('the printed curl line works as it is printed', async () => {
    const line = /curl [^]*?\/v1\/barcodes/.exec(stack.output())?.[0] ?? '';
    const { execFileSync } = await import('node:child_process');
    const image = execFileSync('bash', ['-c', line.replace('-o hello.png', '')]);
    assert.deepEqual([...image.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  });

  test('createBarcode replies with the image, and its record can be read at once, from any worker', async () => {
    for (let index = 0; index < 20; index++) {
      const created = await create({ symbology: 'code128', text: `A-${index}`, format: 'png' });
      assert.equal(created.status, 201);
      assert.equal(created.headers.get('content-type'), 'image/png');
      const bytes = new Uint8Array(await created.arrayBuffer());
      const location = created.headers.get('location') ?? '';
      const close = { headers: { connection: 'close' } };
      const record = (await (await ask(location, close)).json()) as Record<string, unknown>;
      assert.deepEqual([record['text'], record['symbology'], record['status']], [`A-${index}`, 'code128', 'delivered']);
      assert.equal(record['request_id'], created.headers.get('x-request-id'));
      const image = await ask(`${location}/image`, close);
      assert.equal(image.headers.get('content-type'), 'image/png');
      assert.deepEqual(new Uint8Array(await image.arrayBuffer()), bytes);
    }
  });

  test('a text that cannot be encoded gets 422 with the field and the rule', async () => {
    const cases: [body: unknown, field: string, rule: string][] = [
      [{ symbology: 'ean13', text: '4006381333932' }, 'text', 'check-digit'],
      [{ symbology: 'ean13', text: '40063813339a' }, 'text', 'charset'],
      [{ symbology: 'nothing', text: 'x' }, 'symbology', 'one-of'],
      [{ symbology: 'qrcode' }, 'text', 'required'],
      [{ symbology: 'qrcode', text: 'x', colour: 'red' }, 'colour', 'unknown-field'],
      [{ symbology: 'microqrcode', text: 'x'.repeat(60) }, 'text', 'too-long'],
    ];
    for (const [body, field, rule] of cases) {
      const reply = await create(body);
      assert.equal(reply.status, 422, JSON.stringify(body));
      assert.equal(reply.headers.get('content-type'), 'application/problem+json');
      const { errors = [], reason, request_id } = await problemOf(reply);
      assert.deepEqual([errors[0]?.field, errors[0]?.rule], [field, rule]);
      assert.match(reason, /^(invalid-request|unencodable)$/);
      assert.equal(request_id, reply.headers.get('x-request-id'));
    }
  });

  test('other mistakes get the status of the contract', async () => {
    assert.equal((await ask('/v1/barcodes', { method: 'POST', body: '{"symbology":' })).status, 400);
    const asText = { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } };
    assert.equal((await ask('/v1/barcodes', asText)).status, 415);
    assert.equal((await create({ symbology: 'qrcode', text: 'x'.repeat(70_000) })).status, 413);
    assert.equal((await ask('/v1/nothing')).status, 404);
    const wrongMethod = await ask('/v1/barcodes', { method: 'DELETE' });
    assert.deepEqual([wrongMethod.status, wrongMethod.headers.get('allow')], [405, 'POST, GET, HEAD']);
    assert.equal((await ask('/v1/barcodes/01890000-0000-7000-8000-000000000000')).status, 404);
    assert.equal((await ask('/v1/barcodes/x')).status, 404);
    assert.equal((await ask('/v1/barcodes?page_size=0')).status, 422);
    assert.equal((await ask('/v1/barcodes?limit=5')).status, 422);
    assert.equal((await ask('/v1/barcodes?cursor=nonsense')).status, 400);
  });

  test('without a key, or with a wrong one, nothing is served but health', async () => {
    for (const path of ['/v1/barcodes', '/v1/render/qrcode?text=x']) {
      const reply = await fetch(`${stack.url}${path}`);
      assert.equal(reply.status, 401);
      assert.match(reply.headers.get('www-authenticate') ?? '', /^Bearer/);
    }
    assert.equal((await create({ symbology: 'qrcode', text: 'x' }, `rk_${'a'.repeat(32)}`)).status, 401);
    for (const path of ['/healthz', '/readyz', '/openapi.json'])
      assert.equal((await fetch(`${stack.url}${path}`)).status, 200);
  });

  test('renderBarcode is cached by its canonical request, and HEAD has its head', async () => {
    const url = '/v1/render/qrcode?text=cache%20me&format=svg';
    const first = await ask(url);
    assert.equal(first.status, 200);
    const body = await first.text();
    assert.match(first.headers.get('cache-control') ?? '', /^private, max-age=600$/);
    const isHit = async (): Promise<boolean> =>
      ((await ask(url)).headers.get('cache-status') ?? '').startsWith('Rampart; hit');
    await eventually('a worker has it', isHit);
    assert.equal(await (await ask('/v1/render/qrcode?format=svg&text=cache%20me&scale=4')).text(), body);
    const head = await ask(url, { method: 'HEAD' });
    assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(body)));
  });

  test('a revoked key is refused at once; a key never sees the barcodes of another one', async () => {
    const made = await stack.run('keys', 'create', '--name', 'other', '--json');
    const other = JSON.parse(made.stdout) as { id: string; key: string };
    const created = await create({ symbology: 'qrcode', text: 'mine' });
    const location = created.headers.get('location') ?? '';
    assert.equal((await ask(location, { key: other.key })).status, 404);
    assert.equal((await ask(location)).status, 200);
    assert.equal((await create({ symbology: 'qrcode', text: 'x' }, other.key)).status, 201);
    assert.equal((await stack.run('keys', 'revoke', other.id)).code, 0);
    await eventually(
      'every worker knows',
      async () => {
        const replies = await Promise.all(
          [1, 2, 3, 4].map(() => create({ symbology: 'qrcode', text: 'x' }, other.key)),
        );
        return replies.every(({ status }) => status === 401);
      },
      5000,
    );
  });

  test('every reply says how long it waited and worked', async () => {
    for (const reply of [
      await create({ symbology: 'qrcode', text: 'x' }),
      await ask('/v1/barcodes'),
      await ask('/nothing'),
    ]) {
      assert.match(reply.headers.get('server-timing') ?? '', /^wait;dur=[\d.]+, exec;dur=[\d.]+/);
      assert.match(reply.headers.get('x-request-id') ?? '', /^[0-9a-f]{32}$/);
    }
    assert.match(
      (await create({ symbology: 'qrcode', text: 'not in the cache' })).headers.get('server-timing') ?? '',
      /backend-render;dur=/,
    );
    assert.match((await ask('/v1/barcodes')).headers.get('server-timing') ?? '', /exec-database;dur=/);
  });

  test('/metrics has every metric, well-formed, as the sum of all processes', async () => {
    const before = Number(
      /rampart_requests_total\{endpoint="health",status="200"\} (\d+)/.exec(await stack.metrics())?.[1],
    );
    await Promise.all(
      Array.from({ length: 50 }, () => fetch(`${stack.url}/healthz`, { headers: { connection: 'close' } })),
    );
    const text = await stack.metrics();
    for (const name of metricNames)
      assert.match(text, new RegExp(`^# TYPE ${name} (counter|gauge|histogram|summary)$`, 'm'), name);
    const line =
      /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="([^"\\\n]|\\["\\n])*"(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\})? ([\d.e+-]+|\+Inf|NaN))$/;
    for (const each of text.trimEnd().split('\n')) assert.match(each, line);
    const series = text
      .split('\n')
      .filter((each) => each !== '' && !each.startsWith('#'))
      .map((each) => each.slice(0, each.lastIndexOf(' ')));
    assert.equal(new Set(series).size, series.length, 'no series twice');
    assert.match(text, new RegExp(`rampart_requests_total\\{endpoint="health",status="200"\\} ${before + 50}\n`));
    assert.match(text, /rampart_processes\{role="gateway"\} 2\n/);
  });

  test('/api/status shows workers, backends, queues and versions', async () => {
    const status = (await stack.status()) as unknown as Record<string, unknown>;
    assert.match(String(status['version']), /^\d+\.\d+\.\d+$/);
    assert.match(JSON.stringify(status['workers']), /"queued":{"interactive":0,"bulk":0}/);
    assert.match(JSON.stringify(status['backends']), /"backend":"generator-1".*"up":true/);
  });

  test('a purge reaches every worker', async () => {
    const purge = async (): Promise<Record<string, number>> => {
      const headers = { 'content-type': 'application/json' };
      const reply = await fetch(`${stack.adminUrl}/api/cache/purge`, { method: 'POST', body: '{}', headers });
      return (await reply.json()) as Record<string, number>;
    };
    await purge();
    assert.equal((await ask('/v1/render/qrcode?text=purge%20me')).status, 200);
    assert.deepEqual(await purge(), { workers: 2, purged: 2, entries: 1 });
  });

  test('the admin API answers to loopback names only, reads but for the purge, and is not on the public port', async () => {
    const { request } = await import('node:http');
    const foreign = await new Promise<number | undefined>((resolve) => {
      request(`${stack.adminUrl}/metrics`, { headers: { host: 'evil.example' } }, (res) =>
        resolve(res.statusCode),
      ).end();
    });
    assert.equal(foreign, 403);
    assert.equal((await fetch(`${stack.adminUrl}/api/status`, { method: 'POST' })).status, 405);
    const elsewhere = await fetch(`${stack.adminUrl}/api/elsewhere`);
    const { detail } = await problemOf(elsewhere);
    const known =
      'the admin API has /api/session, /api/status, /api/health, /api/health/*, /api/slo, /api/alerts, /api/silences, /api/silences/*, /api/demand, /api/events, /api/history, /api/cache/purge, /api/cap, /api/config, /api/config/versions, /api/config/reload, /api/config/rollback, /api/backends, /api/backends/*/*/drain, /api/backends/*/*/undrain, /api/backends/*/*/eject, /api/keys, /api/keys/*, /api/batches, /api/batches/*/cancel, /api/runs, /api/runs/*/report, /metrics and /healthz';
    assert.deepEqual([elsewhere.status, detail], [404, known]);
    for (const path of ['/metrics', '/api/status']) assert.equal((await ask(path)).status, 404);
  });

  test('no key shows up in logs, metrics or status', async () => {
    const everything = [await stack.metrics(), JSON.stringify(await stack.status())].join('\n');
    assert.ok(!everything.includes(stack.key));
    const logs = stack
      .output()
      .split('\n')
      .filter((each) => each.startsWith('{'));
    assert.ok(!logs.join('\n').includes(stack.key.slice(3)));
  });
});
