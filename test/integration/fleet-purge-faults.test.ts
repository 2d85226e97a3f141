import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkPurges, type GenerationReply, type Purge } from '../fleet/checkers/purges.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

const GROUP = 'app';
const LIMIT_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** On a connection of its own, so that any worker of the host may get it; status 0 if it failed. */
function ask(url: string, method: string, body?: string): Promise<Answer> {
  return new Promise((resolve) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const req = request(url, { method, headers, agent: new Agent({ keepAlive: false }) }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, text }));
      res.on('error', () => resolve({ status: 0, text: '' }));
    });
    req.on('error', () => resolve({ status: 0, text: '' }));
    req.setTimeout(LIMIT_MS, () => req.destroy());
    req.end(body);
  });
}

/** Two hosts as users start them, clients that ask both, and purges of what the backend changes all the time. */
class PurgedFleet {
  readonly purges: Purge[] = [];
  readonly replies: GenerationReply[] = [];
  /** Replies with each status; 0: none. */
  readonly statuses: Record<number, number> = {};
  readonly #hosts: readonly Stack[];
  readonly #loops: Promise<void>[] = [];
  readonly #change: () => number;
  #isOver = false;

  constructor(hosts: readonly Stack[], change: () => number) {
    this.#hosts = hosts;
    this.#change = change;
    for (const { url } of hosts) this.#loops.push(this.#repeat(5, () => this.#read(url)));
    for (const { adminUrl } of hosts) this.#loops.push(this.#repeat(100, () => this.#purge(adminUrl)));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  /** Waits for purges that all hosts have acknowledged from now on. */
  async isWhole(): Promise<void> {
    const before = this.purges.length;
    await eventually('all hosts acknowledge purges', () => this.purges.length > before + 3, 20_000);
  }

  async control(host: number): Promise<number> {
    return (await (this.#hosts[host] as Stack).status()).control.pid;
  }

  async worker(host: number): Promise<number> {
    return (await (this.#hosts[host] as Stack).status()).workers[0]?.pid ?? 0;
  }

  async #repeat(pauseMs: number, work: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      await work();
      await sleep(pauseMs);
    }
  }

  async #read(url: string): Promise<void> {
    const askedMs = performance.now();
    const { status, text } = await ask(`${url}/x`, 'GET');
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    if (status === 200) this.replies.push({ group: GROUP, generation: Number(text), askedMs, host: url });
  }

  async #purge(adminUrl: string): Promise<void> {
    const generation = this.#change();
    const { status } = await ask(`${adminUrl}/api/cache/purge`, 'POST', '{}');
    if (status === 200) this.purges.push({ group: GROUP, generation, acknowledgedMs: performance.now() });
  }
}

async function startHost(valkey: TestValkey, origin: string): Promise<Stack> {
  const config = join(await temporaryFolder(), 'rampart.config.mjs');
  const route = { endpoint: 'app', path: '/*', upstream: 'app', authenticate: false, cache: { ttlSeconds: 60 } };
  const file = { builtin: false, upstreams: { app: { backends: [origin] } }, routes: [route] };
  writeFileSync(config, `export default ${JSON.stringify(file)};\n`);
  const none = { GENERATOR_INSTANCES: '0', BATCH_WORKERS: '0' };
  const stack = await startStack({ ...none, VALKEY_URL: valkey.url, RAMPART_CONFIG: config });
  closers.push(() => stack.stop());
  return stack;
}

test(
  'no reply is older than an acknowledged purge, whatever is killed, hangs or is lost',
  { skip: withoutValkey },
  async (t) => {
    const valkey = await startValkey();
    closers.push(() => valkey.close());
    let generation = 1;
    const { origin } = await startBackend((_req, res) => void res.end(String(generation)));
    const hosts = await Promise.all([startHost(valkey, origin), startHost(valkey, origin)]);
    const fleet = new PurgedFleet(hosts, () => ++generation);
    closers.push(() => fleet.end());
    await fleet.isWhole();

    process.kill(await fleet.control(1), 'SIGKILL');
    await sleep(1000);
    await fleet.isWhole();
    const stopped = await fleet.control(0);
    process.kill(stopped, 'SIGSTOP');
    await sleep(1500);
    process.kill(stopped, 'SIGCONT');
    process.kill(await fleet.worker(1), 'SIGKILL');
    await fleet.isWhole();
    valkey.child.kill('SIGSTOP');
    await sleep(1500);
    valkey.child.kill('SIGCONT');
    await fleet.isWhole();
    await valkey.say('FLUSHALL');
    await sleep(500);
    await valkey.kill();
    await sleep(500);
    await valkey.start();
    await fleet.isWhole();

    await fleet.end();
    const { purges, replies, statuses } = fleet;
    t.diagnostic(
      `${purges.length} acknowledged of ${generation - 1} purges, replies by status ${JSON.stringify(statuses)}`,
    );
    assert.deepEqual(checkPurges(purges, replies, 0), { stale: [], latestMs: 0 });
    const stored = replies.length - new Set(replies.map((reply) => `${reply.host} ${reply.generation}`)).size;
    assert.ok(stored > 0, 'some replies come out of caches');
    assert.deepEqual(
      Object.keys(statuses).filter((status) => !['0', '200'].includes(status)),
      [],
    );
  },
);
