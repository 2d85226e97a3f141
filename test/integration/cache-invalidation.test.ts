import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '../../src/config/config.ts';
import { Control } from '../../src/control/control.ts';
import { controlSocket } from '../../src/control/control-socket.ts';
import { ControlLink } from '../../src/control/link.ts';
import type { ControlMessage } from '../../src/protocol/messages.ts';
import { systemClock } from '../../src/core/clock.ts';
import { get, type Got } from '../support/caching.ts';
import type { TestGateway } from '../support/gateway.ts';
import { fixedConfig } from '../support/config-source.ts';
import { quietInstruments } from '../support/instruments.ts';
import { closers, startBackend, startGateway } from '../support/proxying.ts';
import { eventually } from '../support/raw.ts';
import { endProcess, startStack } from '../support/stack.ts';

/** An application that counts the changes of each path; DELETE /by-name changes what `Location` names. */
function versions(): RequestListener {
  const changes = new Map<string, number>();
  const change = (path: string): void => void changes.set(path, (changes.get(path) ?? 1) + 1);
  return (req: IncomingMessage, res: ServerResponse) => {
    req.resume();
    const path = req.url ?? '';
    if (req.method === 'GET') res.end(`v${changes.get(path) ?? 1}`);
    else if (path === '/refused') res.writeHead(409).end();
    else if (path === '/broken') {
      change(path);
      res.writeHead(200, { 'content-length': '10' }).write('half');
      setImmediate(() => res.destroy());
    } else {
      const named = path === '/by-name' ? '/named' : path;
      change(named);
      res.writeHead(200, path === named ? {} : { location: named }).end('x'.repeat(path === '/large' ? 1_000_000 : 4));
    }
  };
}

/** A worker, and what reaches it from control. */
interface Worker {
  readonly rampart: TestGateway;
  link: ControlLink;
  /** How it gets to what control says of its cache. */
  take: (apply: () => void) => void;
  connect(): void;
}

interface Host {
  readonly workers: readonly [Worker, Worker];
  control: Control;
  restartControl(): Promise<void>;
}

async function startHost(): Promise<Host> {
  const runFolder = mkdtempSync(join(tmpdir(), 'rampart-invalidation-'));
  const config = await loadConfig({ GENERATOR_INSTANCES: '1' }, import.meta.dirname);
  const log = pino({ level: 'silent' });
  const openControl = async (): Promise<Control> => {
    const instruments = { ...quietInstruments(), clock: systemClock, random: () => 0.5, log };
    const dependencies = { ...instruments, ...fixedConfig(config, runFolder), runFolder };
    const control = new Control({ ...dependencies, version: '1' });
    await control.listen();
    return control;
  };
  const control = await openControl();
  const { origin } = await startBackend(versions());
  const startWorker = async (instance: number): Promise<Worker> => {
    const rampart: TestGateway = await startGateway([origin], {
      cache: { ttlSeconds: 60 },
      sendCacheReport: (report) => worker.link.tell(report),
    });
    const onMessage = (message: ControlMessage): void => {
      const isOfCache = message.type === 'forget' || message.type === 'invalidated';
      if (isOfCache) worker.take(() => rampart.gateway.applyCache(message));
    };
    const open = (): ControlLink =>
      new ControlLink({
        ...quietInstruments(),
        socketPath: controlSocket(runFolder),
        hello: {
          type: 'hello',
          member: `m${instance}`,
          role: 'gateway',
          instance,
          pid: 0,
          version: '1',
          startedAtMs: 0,
        },
        clock: systemClock,
        random: () => 0.5,
        status: () => ({}),
        onMessage,
        onConnected: () => void rampart.gateway.controlFound(),
        onLost: () => rampart.gateway.controlLost(),
      });
    const worker: Worker = {
      rampart,
      link: open(),
      take: (apply) => apply(),
      connect: () => void (worker.link = open()),
    };
    return worker;
  };
  const host: Host = {
    workers: [await startWorker(0), await startWorker(1)],
    control,
    restartControl: async () => {
      host.control = await openControl();
      await bothThere(host);
    },
  };
  closers.push(async () => {
    for (const { link } of host.workers) await link.close();
    await host.control.close();
    rmSync(runFolder, { recursive: true, force: true });
  });
  await bothThere(host);
  return host;
}

const bothThere = ({ control }: Host): Promise<void> =>
  eventually('both have joined', async () => (await control.caches.purge({ endpoint: 'none' })).purged === 2);

const bodies = async ({ workers }: Host, path: string): Promise<string[]> =>
  Promise.all(workers.map(async ({ rampart }) => (await get(rampart, path)).body));
const change = ({ workers }: Host, path: string, method = 'POST'): Promise<Got> =>
  get(workers[0].rampart, path, {}, method);

describe('an unsafe request that succeeds, on a host of two workers', () => {
  test('invalidates its path and the paths that its reply names before the reply, but not after a refusal', async () => {
    const host = await startHost();
    for (const [path, method, target] of [
      ['/x', 'POST', '/x'],
      ['/by-name', 'DELETE', '/named'],
      ['/x?page=2', 'PUT', '/x?page=2'],
      ['/large', 'PATCH', '/large'],
    ] as const) {
      const [before] = await bodies(host, target);
      for (let round = 1; round <= 10; round++) {
        assert.equal((await change(host, path, method)).status, 200);
        assert.deepEqual(await bodies(host, target), [`v${round + 1}`, `v${round + 1}`], `${method} ${path}`);
      }
      assert.equal(before, 'v1');
    }
    await bodies(host, '/refused');
    assert.equal((await change(host, '/refused')).status, 409);
    for (const { rampart } of host.workers) assert.match((await get(rampart, '/refused')).cacheStatus, /hit/);
  });

  test('is answered only when a worker that takes its time has forgotten too', async () => {
    const host = await startHost();
    host.workers[1].take = (apply) => void setTimeout(apply, 20);
    for (let version = 1; version <= 5; version++) {
      assert.deepEqual(await bodies(host, '/x'), [`v${version}`, `v${version}`]);
      await change(host, '/x');
    }
  });

  test('the whole reply arrives, however long it takes; a reply that breaks off is incomplete', async () => {
    const host = await startHost();
    assert.equal((await change(host, '/large')).body.length, 1_000_000);
    await bodies(host, '/broken');
    await assert.rejects(change(host, '/broken'));
    assert.deepEqual(await bodies(host, '/broken'), ['v2', 'v2']);
  });

  test('a worker that does not answer holds no reply back for ever', async () => {
    const host = await startHost();
    host.workers[1].take = () => {};
    for (let round = 0; round < 5; round++) assert.equal((await change(host, '/x')).status, 200);
  });

  test('a worker that returns removes the replies that changed meanwhile, and keeps the rest', async () => {
    const host = await startHost();
    for (const path of ['/x', '/y', '/kept']) await bodies(host, path);
    const [, away] = host.workers;
    await away.link.close();
    await change(host, '/x');
    await host.control.caches.purge({ endpoint: 'app', target: '/y' });
    assert.match((await get(away.rampart, '/x')).cacheStatus, /hit/);
    away.connect();
    await bothThere(host);
    assert.deepEqual(await bodies(host, '/x'), ['v2', 'v2']);
    assert.match((await get(away.rampart, '/y')).cacheStatus, /miss/);
    assert.match((await get(away.rampart, '/kept')).cacheStatus, /hit/);
  });

  test('invalidations during an outage of control reach the other workers when it is back', async () => {
    const host = await startHost();
    for (const path of ['/x', '/kept']) await bodies(host, path);
    await host.control.close();
    await change(host, '/x');
    assert.deepEqual(await bodies(host, '/x'), ['v2', 'v1']);
    await host.restartControl();
    assert.deepEqual(await bodies(host, '/x'), ['v2', 'v2']);
    for (const { rampart } of host.workers) assert.match((await get(rampart, '/kept')).cacheStatus, /hit/);
  });
});

test('rampart start with two workers: after a POST, 60 GETs on new connections see the new version', async () => {
  const { origin } = await startBackend(versions());
  const file = join(tmpdir(), `rampart-invalidation-${process.pid}.config.ts`);
  const routes = [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false, cache: { ttlSeconds: 60 } }];
  writeFileSync(file, `export default ${JSON.stringify({ upstreams: { app: { backends: [origin] } }, routes })};\n`);
  const stack = await startStack({ GENERATOR_INSTANCES: '0', GATEWAY_WORKERS: '2', RAMPART_CONFIG: file });
  closers.push(async () => {
    rmSync(file, { force: true });
    await endProcess(stack.supervisor, 'SIGKILL');
  });
  const port = Number(stack.env['PORT']);
  const read = async (): Promise<string[]> => {
    const replies: string[] = [];
    for (let count = 0; count < 60; count++) replies.push((await get({ port }, '/inv/a')).body);
    return [...new Set(replies)];
  };
  try {
    for (let version = 1; version <= 4; version++) {
      assert.deepEqual(await read(), [`v${version}`]);
      await get({ port }, '/inv/a', {}, 'POST');
    }
  } finally {
    assert.equal(await stack.stop(), 0);
  }
});
