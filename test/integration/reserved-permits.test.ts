import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ConfigFile } from '../../src/config/define-config.ts';
import { closers, startBackend } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack, stackSettings } from '../support/stack.ts';

const BACKENDS = 2;
const CAP = 4;
const RESERVED = 3;
const ALL = BACKENDS * CAP;

describe('permits that are reserved for interactive requests, over processes', () => {
  let stack: Stack;
  let path: string;
  let origins: string[];
  const stop: (() => Promise<unknown>)[] = [];
  /** Requests that the backends have and have not answered. */
  const waiting = { bulk: new Set<ServerResponse>(), interactive: new Set<ServerResponse>() };
  const most = { bulk: 0, interactive: 0 };

  const configOf = (reserved?: number): ConfigFile => ({
    upstreams: {
      app: {
        backends: origins,
        cap: CAP,
        reserved,
        healthPath: '/health',
        queueTimeoutMs: 60_000,
        queueCapacity: 1000,
      },
    },
    routes: [
      { endpoint: 'bulk', path: '/bulk', upstream: 'app', authenticate: false, priority: 'bulk' },
      { endpoint: 'all', path: '/*', upstream: 'app', authenticate: false },
    ],
  });
  const write = (config: ConfigFile): void => writeFileSync(path, `export default ${JSON.stringify(config)};\n`);

  before(async () => {
    const settings = await stackSettings({ GATEWAY_WORKERS: '4', GENERATOR_INSTANCES: '0' });
    path = join(settings['RAMPART_DATA_DIR'] as string, 'rampart.config.ts');
    const backends = await Promise.all(
      Array.from({ length: BACKENDS }, () =>
        startBackend((req, res) => {
          if (req.url === '/health') return void res.end('ok');
          const kind = req.url === '/bulk' || req.headers.priority !== undefined ? 'bulk' : 'interactive';
          waiting[kind].add(res);
          most[kind] = Math.max(most[kind], waiting[kind].size);
          res.on('close', () => waiting[kind].delete(res));
        }),
      ),
    );
    stop.push(...closers.splice(0));
    origins = backends.map(({ origin }) => origin);
    write(configOf(RESERVED));
    stack = await startStack({ ...settings, RAMPART_CONFIG: path });
  });
  after(async () => {
    await stack.stop();
    for (const close of stop) await close();
  });

  /** Sends requests on connections of their own; resolves when all have ended. */
  function send(count: number, target: string, headers: Record<string, string> = {}) {
    const statuses: (number | string)[] = [];
    const all = Array.from(
      { length: count },
      () =>
        new Promise<void>((resolve) => {
          const req = request(`${stack.url}${target}`, { headers, agent: false }, (res) => {
            statuses.push(res.statusCode ?? 0);
            res.resume();
            res.on('close', resolve);
          });
          req.on('error', (error) => {
            statuses.push(error.message);
            resolve();
          });
          req.end();
        }),
    );
    return { statuses, ended: Promise.all(all) };
  }
  const letGo = (kind: keyof typeof waiting): void => waiting[kind].forEach((res) => void res.end('ok'));
  /** Answers until nothing is left. */
  async function answerAll(ended: Promise<unknown>): Promise<void> {
    let isOver = false;
    void ended.then(() => (isOver = true));
    await eventually(
      'everything is answered',
      () => {
        letGo('bulk');
        letGo('interactive');
        return isOver;
      },
      20_000,
    );
  }

  test('bulk requests take all permits but the reserved ones, which interactive requests get at once', async () => {
    const bulk = send(20, '/bulk');
    await eventually('bulk requests have what they may have', () => waiting.bulk.size === ALL - RESERVED);
    const lowered = send(20, '/x', { priority: 'u=7' });
    const people = send(RESERVED, '/x');
    await eventually('the reserved permits are in use', () => waiting.interactive.size === RESERVED);
    assert.equal(waiting.bulk.size, ALL - RESERVED);
    letGo('interactive');
    await people.ended;
    assert.deepEqual(people.statuses, [200, 200, 200]);
    // Every permit that bulk requests give back goes to one of them again, and never more.
    await answerAll(Promise.all([bulk.ended, lowered.ended]));
    assert.deepEqual(new Set([...bulk.statuses, ...lowered.statuses]), new Set([200]));
    assert.equal(most.bulk, ALL - RESERVED);
  });

  test('interactive requests may have all permits', async () => {
    most.interactive = 0;
    const people = send(20, '/x');
    await eventually('every permit is in use', () => waiting.interactive.size === ALL);
    await answerAll(people.ended);
    assert.equal(most.interactive, ALL);
  });

  test('a killed worker takes no permit of its class along, and gives none away twice', async () => {
    most.bulk = 0;
    const bulk = send(40, '/bulk');
    await eventually('bulk requests have what they may have', () => waiting.bulk.size === ALL - RESERVED);
    const [victim] = (await stack.status()).workers;
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    const more = send(40, '/bulk');
    await eventually('bulk requests have it again', () => waiting.bulk.size === ALL - RESERVED, 10_000);
    const people = send(RESERVED, '/x');
    await eventually('the reserved permits are in use', () => waiting.interactive.size === RESERVED);
    await answerAll(Promise.all([bulk.ended, more.ended, people.ended]));
    assert.ok(most.bulk <= ALL - RESERVED, `${most.bulk} at a time`);
  });

  test('a changed number is in force at once, and without one bulk requests have every permit', async () => {
    most.bulk = 0;
    const bulk = send(20, '/bulk');
    write(configOf(1));
    assert.equal((await stack.run('reload')).code, 0);
    await eventually('bulk requests have all permits but one', () => waiting.bulk.size === ALL - 1);
    write(configOf());
    assert.equal((await stack.run('reload')).code, 0);
    await eventually('bulk requests have all permits', () => waiting.bulk.size === ALL);
    write(configOf(RESERVED));
    assert.equal((await stack.run('reload')).code, 0);
    await answerAll(bulk.ended);
    most.bulk = 0;
    const again = send(20, '/bulk');
    await eventually('bulk requests have what they may have', () => waiting.bulk.size === ALL - RESERVED);
    await answerAll(again.ended);
    assert.equal(most.bulk, ALL - RESERVED);
  });

  test('survives a control that is killed', async () => {
    most.bulk = 0;
    const bulk = send(20, '/bulk');
    await eventually('bulk requests have what they may have', () => waiting.bulk.size === ALL - RESERVED);
    const before = (await stack.status()).control.pid;
    process.kill(before, 'SIGKILL');
    await eventually(
      'control is back',
      async () => (await stack.status().catch(() => undefined))?.control.pid !== before,
      10_000,
    );
    const people = send(RESERVED, '/x');
    await eventually('the reserved permits are in use', () => waiting.interactive.size === RESERVED, 10_000);
    await answerAll(Promise.all([bulk.ended, people.ended]));
    assert.equal(most.bulk, ALL - RESERVED);
  });
});
