import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { processName } from '../../src/core/process-name.ts';
import { eventually, sendRaw, statusOf } from '../support/raw.ts';
import { type CommandResult, processesOf, runRampart, type StackStatus, stackSettings } from '../support/stack.ts';
import { startSteadyClient, type SteadyResult } from '../support/steady-client.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pm2Entry = join(root, 'node_modules', 'pm2', 'bin', 'pm2');
/** Longest time of one command of pm2: it waits for what it starts and stops. */
const COMMAND_LIMIT_MS = 60_000;

interface App {
  readonly name: string;
  readonly pm2_env: {
    readonly exec_mode: string;
    readonly node_version: string;
    readonly status: string;
    readonly LOG_LEVEL: string;
  };
}

describe('under pm2', () => {
  let settings: Record<string, string>;
  let dataDir: string;
  let configFile: string;
  let key: string;
  /** Replies with 201 that any client has got. */
  let created = 0;

  before(async () => {
    settings = await stackSettings({ LOG_LEVEL: 'debug' });
    dataDir = settings['RAMPART_DATA_DIR'] as string;
    settings['PM2_HOME'] = join(dataDir, 'pm2');
    configFile = join(dataDir, 'rampart.config.ts');
    writeFileSync(configFile, 'export default {};\n');
    settings['RAMPART_CONFIG'] = configFile;
    await pm2('start', join(root, 'ecosystem.config.cjs'));
    const { stdout, stderr } = await runRampart(['keys', 'create', '--json'], settings);
    assert.equal(stderr, '');
    ({ key } = JSON.parse(stdout) as { key: string });
  });

  after(async () => {
    await pm2('kill');
    for (const pid of processesOf(dataDir)) process.kill(pid, 'SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Runs a command of pm2 to its end; a failure fails the test with what it said. */
  async function pm2(...args: string[]): Promise<CommandResult> {
    const { PATH = '', HOME = '' } = process.env;
    const options = { env: { PATH, HOME, ...settings }, cwd: dataDir, timeout: COMMAND_LIMIT_MS };
    const result = await new Promise<CommandResult>((resolve) => {
      const child = spawn(process.execPath, [pm2Entry, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
    assert.equal(result.code, 0, `pm2 ${args.join(' ')}: ${result.stdout}${result.stderr}`);
    return result;
  }

  /** What pm2 holds of each process; a notice of its own may come before it. */
  const apps = async (): Promise<App[]> =>
    JSON.parse(/^\[\{.*$/m.exec((await pm2('jlist')).stdout)?.[0] ?? '[]') as App[];

  const adminUrl = () => `http://127.0.0.1:${settings['ADMIN_PORT']}`;
  const status = async () => (await (await fetch(`${adminUrl()}/api/status`)).json()) as StackStatus;

  /** Process ids of the workers once there are as many, all of them new where `old` names the ones before. */
  async function workers(count: number, old: readonly number[] = []): Promise<number[]> {
    let pids: number[] = [];
    await eventually(`${count} workers are there`, async () => {
      pids = (await status()).workers.map(({ pid }) => pid);
      return pids.length === count && !pids.some((pid) => old.includes(pid));
    });
    return pids;
  }

  /** Does something while one client sends on kept connections and another on fresh ones: no request may fail. */
  async function underLoad(what: string, act: () => Promise<void>, perSecond = 50): Promise<void> {
    const url = `http://127.0.0.1:${settings['PORT']}`;
    const clients = [true, false].map((keepAlive) => startSteadyClient({ url, key, perSecond, keepAlive }));
    const startedAt = performance.now();
    let results: SteadyResult[];
    try {
      await act();
    } finally {
      results = await Promise.all(clients.map((client) => client.stop()));
    }
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    for (const [index, { sent, outcomes, slowestMs }] of results.entries()) {
      const kind = index === 0 ? 'kept connections ' : 'fresh connections';
      console.log(
        `    ${what}, ${kind}: ${sent} sent in ${seconds} s, ${sent - (outcomes['201'] ?? 0)} failed, slowest ${Math.round(slowestMs)} ms`,
      );
      created += outcomes['201'] ?? 0;
    }
    for (const { sent, outcomes } of results) assert.deepEqual(outcomes, { '201': sent });
  }

  test('start brings up every role as the environment says, on the Node of this project', async () => {
    await eventually('all backends are up', async () => (await status()).backends.every(({ up }) => up));
    const { processes, workers: gateways } = await status();
    const generators = processes.filter(({ role }) => role === 'generator');
    assert.deepEqual(generators.map(({ instance }) => instance).toSorted(), [0, 1]);
    assert.deepEqual(gateways.map(({ instance }) => instance).toSorted(), [0, 1]);
    assert.deepEqual(
      (await apps())
        .map(({ name, pm2_env }) => [name, pm2_env.exec_mode, pm2_env.node_version, pm2_env.status].join(' '))
        .sort(),
      [
        ['batch', 'fork_mode'],
        ['control', 'fork_mode'],
        ['gateway', 'cluster_mode'],
        ['gateway', 'cluster_mode'],
        ['generator', 'fork_mode'],
        ['generator', 'fork_mode'],
      ].map(([name, mode]) => `${name} ${mode} ${process.versions.node} online`),
    );
  });

  test('the log lines of a worker are in the log of its app', () => {
    const folder = join(dataDir, 'pm2', 'logs');
    const logs = readdirSync(folder).filter((name) => name.startsWith('gateway-out'));
    assert.equal(logs.length, 2);
    for (const name of logs) assert.match(readFileSync(join(folder, name), 'utf8'), /gateway ready/);
  });

  test('reload gateway, twice: all workers are new, and no request fails', async () => {
    for (const round of ['first reload', 'second reload']) {
      const old = await workers(2);
      await underLoad(round, async () => {
        await pm2('reload', 'gateway');
        await workers(2, old);
      });
    }
  });

  test('scale gateway 4, reload, and back to 2: no request fails', async () => {
    await underLoad('scale to 4', async () => {
      await pm2('scale', 'gateway', '4');
      await workers(4);
    });
    const old = await workers(4);
    await underLoad('reload of 4', async () => {
      await pm2('reload', 'gateway');
      await workers(4, old);
    });
    await underLoad('scale to 2', async () => {
      await pm2('scale', 'gateway', '2');
      await workers(2);
    });
  });

  test('restart generator --parallel 1: one after another, and no request fails', async () => {
    const generators = async () =>
      (await status()).processes.flatMap(({ role, pid }) => (role === 'generator' ? [pid] : []));
    const old = await generators();
    await underLoad('restart of the generators', async () => {
      await pm2('restart', 'generator', '--parallel', '1');
      await eventually('two new generators are there', async () => {
        const pids = await generators();
        return pids.length === 2 && !pids.some((pid) => old.includes(pid));
      });
    });
  });

  test('B4: scale generator to any number: no request fails, and every one is up and used', async () => {
    const url = `http://127.0.0.1:${settings['PORT']}/v1/barcodes`;
    const served = async (): Promise<Map<string, number>> => {
      const text = await (await fetch(`${adminUrl()}/metrics`)).text();
      const found = text.matchAll(/^rampart_backend_requests_total\{.*backend="(\S+)",outcome="success"\} (\d+)$/gm);
      return new Map([...found].map(([, name = '', count]) => [name, Number(count)]));
    };
    const burst = async (): Promise<void> => {
      const create = async (_: unknown, index: number): Promise<void> => {
        const body = JSON.stringify({ symbology: 'qrcode', text: `burst ${created} ${index} `.repeat(20) });
        const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
        const reply = await fetch(url, { method: 'POST', headers, body });
        assert.equal(reply.status, 201, await reply.text());
      };
      await Promise.all(Array.from({ length: 24 }, create));
      created += 24;
    };
    for (const count of [3, 1, 2, 4, 2]) {
      await underLoad(
        `${count} generators`,
        async () => {
          await pm2('scale', 'generator', String(count));
          await eventually(
            `${count} are up, and no other is listed`,
            async () => {
              const { processes, backends } = await status();
              const running = processes.filter(({ role }) => role === 'generator').map(({ instance }) => instance);
              const listed = backends.filter(({ up }) => up).map(({ backend }) => Number(backend.split('-')[1]));
              const isSame = running.toSorted().join() === listed.toSorted().join();
              return isSame && running.length === count && backends.length === count;
            },
            20_000,
          );
        },
        30,
      );
      const names = (await status()).backends.map(({ backend }) => backend);
      const before = await served();
      await eventually(
        `all are used: ${names.join(', ')}`,
        async () => {
          await burst();
          const now = await served();
          return names.every((name) => (now.get(name) ?? 0) > (before.get(name) ?? 0));
        },
        20_000,
      );
    }
  });

  test('a connection that the daemon hands to a worker as it ends is answered by another', async () => {
    const [ending = 0, staying = 0] = await workers(2);
    const daemon = Number(readFileSync(join(dataDir, 'pm2', 'pm2.pid'), 'utf8'));
    const request = 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    // The daemon learns that a worker has gone only after it has dealt out what waits for it.
    process.kill(daemon, 'SIGSTOP');
    const replies = Array.from({ length: 30 }, () => sendRaw(Number(settings['PORT']), request, { quietMs: 8_000 }));
    try {
      process.kill(ending, 'SIGINT');
      // It must wait for the daemon, and one that does not has ended by then.
      const ended = eventually('it has ended', () => processName(ending) === undefined, 3_000);
      await assert.rejects(ended, /Not within 3000 ms/);
    } finally {
      process.kill(daemon, 'SIGCONT');
    }
    const statuses = (await Promise.all(replies)).map(statusOf);
    assert.deepEqual(
      statuses,
      statuses.map(() => 200),
    );
    const now = await workers(2, [ending]);
    assert.ok(now.includes(staying), 'the other one has stayed');
  });

  test('a worker that hangs is replaced, whichever way it was started', async () => {
    const [victim = 0] = await workers(2);
    process.kill(victim, 'SIGSTOP');
    await workers(2, [victim]);
    // What is killed cannot strike out its record; the next start does.
    rmSync(join(dataDir, 'run', 'processes', `${victim}.json`), { force: true });
  });

  test('reload of the file takes over new settings, and wrong ones change nothing', async () => {
    const reload = ['reload', join(root, 'ecosystem.config.cjs'), '--only', 'gateway'] as const;
    const before = await workers(2);
    settings['LOG_LEVEL'] = 'loud';
    await assert.rejects(pm2(...reload), /as 1 setting is wrong\n {2}- LOG_LEVEL must be one of .*: got 'loud'/);
    assert.deepEqual(await workers(2), before);
    settings['LOG_LEVEL'] = 'warn';
    await pm2(...reload);
    await workers(2, before);
    const levels = (await apps()).flatMap(({ name, pm2_env }) => (name === 'gateway' ? [pm2_env.LOG_LEVEL] : []));
    assert.deepEqual(levels, ['warn', 'warn']);
  });

  test('rampart reload: the changed file reaches all workers, and none is replaced', async () => {
    const before = await workers(2);
    const routes = `routes: [{ endpoint: 'ok', path: '/api/status', upstream: 'app', authenticate: false }]`;
    const upstreams = `upstreams: { app: { backends: ['${adminUrl()}'], health: { path: '/healthz' } } }`;
    writeFileSync(configFile, `export default { ${upstreams}, ${routes} };\n`);
    const reload = async (): Promise<void> => {
      const { code, stdout, stderr } = await runRampart(['reload'], settings);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /is in force on all workers\n/);
    };
    await underLoad('rampart reload', reload, 30);
    assert.deepEqual(await workers(2), before);
    // Each worker gets some of them; without the route they would be 404.
    for (let request = 0; request < 8; request++) {
      const reply = await fetch(`http://127.0.0.1:${settings['PORT']}/api/status`, {
        headers: { connection: 'close' },
      });
      assert.equal(reply.status, 200);
    }
    writeFileSync(configFile, 'export default {};\n');
    assert.equal((await runRampart(['reload', '--force'], settings)).code, 0);
  });

  test('a broken configuration: pm2 reload keeps the one in force, and rampart reload changes nothing', async () => {
    const before = await workers(2);
    const good = await runRampart(['reload', '--workers'], settings);
    assert.equal(good.code, 0, good.stdout + good.stderr);
    const reloaded = await workers(2, before);
    for (const [text, problem] of [
      ["throw new Error('not today');\n", /not today/],
      ["export default { upstreams: { app: { backends: ['http://a:1'], cap: 0 } } };\n", /upstreams\.app\.cap/],
      ['export default { routes: [\n', /cannot be loaded/],
    ] as const) {
      writeFileSync(configFile, text);
      const refused = await runRampart(['reload'], settings);
      assert.match(refused.stdout, problem);
      assert.equal(refused.code, 1);
      const { code, stderr } = await runRampart(['reload', '--workers'], settings);
      assert.match(stderr, problem);
      assert.equal(code, 2);
      assert.deepEqual(await workers(2), reloaded);
    }
    await pm2('reload', 'gateway');
    await workers(2, reloaded);
    assert.equal((await fetch(`http://127.0.0.1:${settings['PORT']}/readyz`)).status, 200);
    writeFileSync(configFile, 'export default {};\n');
  });

  test('every barcode that was answered with 201 is recorded', async () => {
    const url = `http://127.0.0.1:${settings['PORT']}/v1/barcodes`;
    const ids = new Set<string>();
    for (let cursor: string | null = ''; cursor !== null;) {
      const query = new URLSearchParams({ page_size: '100', ...(cursor === '' ? {} : { cursor }) });
      const reply = await fetch(`${url}?${query}`, { headers: { authorization: `Bearer ${key}` } });
      const page = (await reply.json()) as { barcodes: { id: string }[]; next_cursor: string | null };
      for (const { id } of page.barcodes) ids.add(id);
      cursor = page.next_cursor;
    }
    console.log(`    ${ids.size} records of ${created} replies with 201`);
    assert.equal(ids.size, created);
  });

  test('kill ends everything: no process, no socket', async () => {
    await pm2('kill');
    // pm2 says that it is done when it has told them, and a process takes a moment to end.
    await eventually('no process is left', () => processesOf(dataDir).length === 0);
    assert.deepEqual(readdirSync(join(dataDir, 'run', 'processes')), []);
    assert.deepEqual(
      readdirSync(join(dataDir, 'run')).filter((name) => name.endsWith('.sock')),
      [],
    );
  });
});
