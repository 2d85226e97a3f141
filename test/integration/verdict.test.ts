import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { freePorts, type Stack, startStack, stackSettings } from '../support/stack.ts';

const LIMIT_MS = 20_000;

interface Message {
  readonly status: string;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Record<string, string>;
    readonly startsAt: string;
  }[];
}

interface ShownVerdict {
  readonly state: string;
  readonly cause_id: string;
  readonly cause: string;
}

/** A server that can go away and come back at its port. */
class Coming {
  #server: Server | undefined;
  readonly #port: number;
  readonly #answer: (url: string, body: string) => void;

  constructor(port: number, answer: (url: string, body: string) => void = () => {}) {
    this.#port = port;
    this.#answer = answer;
  }

  start(): Promise<void> {
    const server = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => void (body += chunk.toString()));
      req.on('end', () => {
        this.#answer(req.url ?? '', body);
        res.end('ok');
      });
    });
    this.#server = server;
    return new Promise((resolve) => void server.listen(this.#port, '127.0.0.1', resolve));
  }

  stop(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}

describe('the verdict of a host, over processes', () => {
  let stack: Stack;
  let hook: Coming;
  const backends: Coming[] = [];
  const messages: Message[] = [];

  before(async () => {
    const [port, hookPort] = [await freePorts(2), await freePorts(1)];
    hook = new Coming(hookPort, (_url, body) => void messages.push(JSON.parse(body) as Message));
    await hook.start();
    for (const at of [port, port + 1]) {
      const backend = new Coming(at);
      backends.push(backend);
      await backend.start();
    }
    const settings = await stackSettings({
      ALERT_WEBHOOK_URL: `http://127.0.0.1:${hookPort}/hook`,
      GATEWAY_WORKERS: '2',
    });
    const folder = settings['RAMPART_DATA_DIR'] ?? '';
    const config = join(folder, 'rampart.config.mjs');
    const upstream = {
      backends: [port, port + 1].map((at) => `http://127.0.0.1:${at}`),
      cap: 4,
      health: { path: '/', intervalMs: 200 },
    };
    const routes = [{ endpoint: 'work', path: '/work', upstream: 'app', authenticate: false }];
    writeFileSync(config, `export default ${JSON.stringify({ upstreams: { app: upstream }, routes })};\n`);
    const slo = join(folder, 'slo.yaml');
    writeFileSync(
      slo,
      'service: app\nendpoints:\n  - id: work\n    gate: { p95: 100ms }\n    objectives:\n      - { sli: availability, target: 0.999 }\n',
    );
    stack = await startStack({ ...settings, RAMPART_CONFIG: config, RAMPART_SLO: slo });
  });
  after(async () => {
    for (const one of [...backends, hook]) one.stop();
    await stack.stop();
  });

  const verdict = async (): Promise<ShownVerdict> =>
    ((await (await fetch(`${stack.adminUrl}/api/status`)).json()) as { verdict: ShownVerdict }).verdict;
  const reaches = (causeId: string): Promise<void> =>
    eventually(`the cause is ${causeId}`, async () => (await verdict()).cause_id === causeId, LIMIT_MS);
  const health = async (name = ''): Promise<[number, { readonly status: string }]> => {
    const reply = await fetch(`${stack.adminUrl}/api/health${name}`);
    return [reply.status, (await reply.json()) as { status: string }];
  };

  test('all is well, and every place says so', async () => {
    await reaches('none');
    const status = await stack.run('status');
    assert.deepEqual(
      [status.code, status.stdout.split('\n')[0]?.replace(/since \S+:/, 'since T:')],
      [0, '● well since T: everything is in order'],
    );
    const once = await stack.run('top', '--once');
    assert.equal(once.code, 0);
    assert.match(once.stdout, /^[●*] WELL for \d+ s: everything is in order\n/);
    assert.doesNotMatch(once.stdout, new RegExp(String.fromCodePoint(27)));
    const view = JSON.parse((await stack.run('top', '--json')).stdout) as {
      schemaVersion: number;
      verdict: { state: string };
    };
    assert.deepEqual([view.schemaVersion, view.verdict.state], [1, 'well']);
    assert.deepEqual((await health())[0], 200);
    assert.deepEqual(
      [(await health('/postgresql'))[0], (await health('/valkey'))[0], (await health('/nobody'))[0]],
      [200, 501, 404],
    );
  });

  test('requests are counted in the view and in the objectives, to the request', async () => {
    for (let count = 0; count < 20; count++) assert.equal(await (await fetch(`${stack.url}/work`)).text(), 'ok');
    const events = async (): Promise<number> => {
      const status = JSON.parse((await stack.run('slo', 'status', '--json')).stdout) as {
        objectives: { events: { total: number } }[];
      };
      const [first] = status.objectives;
      return first?.events.total ?? 0;
    };
    await eventually('the objective has 20 events', async () => (await events()) === 20, LIMIT_MS);
    assert.equal((await stack.run('slo', 'status')).code, 0);
  });

  test('a backend that dies is named, the other one serves, and it recovers; so over a kill of control', async () => {
    backends[0]?.stop();
    await reaches('backend-down');
    const { state, cause } = await verdict();
    assert.equal(state, 'degraded');
    assert.match(cause, /^backend 127\.0\.0\.1:\d+ of upstream app is down \(.+\); 1 of 2 serve$/);
    assert.equal((await stack.run('status')).code, 1);
    assert.deepEqual((await health('/app'))[1].status, 'degraded');
    const { pid } = (await stack.status()).control;
    process.kill(pid, 'SIGKILL');
    await eventually(
      'control is back',
      async () => ((await stack.status().catch(() => undefined))?.control.pid ?? pid) !== pid,
      LIMIT_MS,
    );
    await reaches('backend-down');
    await eventually('the alert has arrived', () => messages.length > 0, 60_000);
    const down = messages
      .flatMap(({ alerts }) => alerts)
      .filter(({ labels }) => labels['alertname'] === 'RampartBackendDown');
    assert.ok(down.length > 0 && new Set(down.map(({ startsAt }) => startsAt)).size === 1, JSON.stringify(messages));
    await backends[0]?.start();
    await reaches('none');
  });

  test('without any backend the host is down, and says so with exit code 2', async () => {
    for (const backend of backends) backend.stop();
    await reaches('upstream-down');
    assert.equal((await stack.run('top', '--once')).code, 2);
    assert.equal((await health())[0], 503);
    for (const backend of backends) await backend.start();
    await reaches('none');
  });

  test('silences: made, listed, ended; a wrong one says what would work', async () => {
    const url = `${stack.adminUrl}/api/silences`;
    const post = (body: unknown): Promise<Response> =>
      fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const wrong = await post({ matchers: [], endsAt: '2001-01-01T00:00:00Z' });
    assert.deepEqual(
      [wrong.status, ((await wrong.json()) as { detail: string }).detail.includes('endsAt must be in the future')],
      [400, true],
    );
    const made = await post({
      matchers: [{ name: 'alertname', value: 'RampartBackendDown' }],
      endsAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
    assert.equal(made.status, 201);
    const { id } = (await made.json()) as { id: string };
    const listed = (await (await fetch(url)).json()) as { silences: { id: string }[] };
    assert.deepEqual(
      listed.silences.map((one) => one.id),
      [id],
    );
    assert.equal((await fetch(`${url}/${id}`, { method: 'DELETE' })).status, 200);
    assert.equal((await fetch(`${url}/${id}`, { method: 'DELETE' })).status, 404);
  });

  test('a stopped control is no news: exit code 3', async () => {
    const { pid } = (await stack.status()).control;
    process.kill(pid, 'SIGSTOP');
    const once = await stack.run('top', '--once');
    process.kill(pid, 'SIGCONT');
    assert.equal(once.code, 3);
    assert.match(once.stderr, /its control does not answer/);
    assert.equal((await stack.run('top', '--interval', '1')).code, 64);
  });
});
