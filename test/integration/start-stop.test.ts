import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import {
  type CommandResult,
  endProcess,
  freePorts,
  processesOf,
  runRampart,
  spawnRampart,
  stackSettings,
  startStack,
} from '../support/stack.ts';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { wholeOr } from '../support/long-run.ts';
import { eventually } from '../support/raw.ts';

const ROUNDS = wholeOr(20, 2);

describe('a start that cannot be', () => {
  const folders: string[] = [];
  after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

  async function settings(more: Record<string, string> = {}): Promise<Record<string, string>> {
    const env = await stackSettings(more);
    folders.push(env['RAMPART_DATA_DIR'] as string);
    return env;
  }

  /** One clear line, exit code 2, no stack trace, and nothing left behind. */
  function assertRefused(
    { code, stdout, stderr }: CommandResult,
    env: Record<string, string>,
    expected: RegExp,
    lines = 1,
  ): void {
    assert.match(stderr, expected);
    assert.doesNotMatch(stderr, /\n\s+at /, 'no stack trace');
    assert.equal(stderr.trim().split('\n').length, lines, stderr);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.deepEqual(processesOf(env['RAMPART_DATA_DIR'] as string), []);
  }

  test('wrong settings: all of them at once', async () => {
    const env = await settings({ GATEWAY_WORKERS: 'two', QUEUE_TIMEOUT_MS: '-1' });
    const { code, stderr, stdout } = await runRampart(['start'], env);
    assert.equal(
      stderr,
      "rampart: Cannot start, as 2 settings are wrong\n  - GATEWAY_WORKERS must be a whole number from 1 to 256: got 'two'\n  - QUEUE_TIMEOUT_MS must be a whole number from 1 to 3600000: got '-1'\n",
    );
    assert.deepEqual([code, stdout], [2, '']);
  });

  for (const [name, variable] of [
    ['the public port', 'PORT'],
    ['the admin port', 'ADMIN_PORT'],
    ['a generator port', 'GENERATOR_PORT'],
  ] as const) {
    test(`${name} is taken`, async () => {
      const env = await settings();
      const server = createServer();
      await new Promise<void>((resolve) => void server.listen(Number(env[variable]), '127.0.0.1', resolve));
      try {
        assertRefused(
          await runRampart(['start'], env),
          env,
          new RegExp(
            `^rampart: Cannot start .* on 127\\.0\\.0\\.1:${env[variable]}, as it is taken by another process\\. Free it, or set another ${variable}\n$`,
          ),
        );
      } finally {
        server.close();
      }
    });
  }

  test('another Rampart, with another data directory, has the public port', async () => {
    const stack = await startStack({ GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1' });
    try {
      const env = await settings({ PORT: stack.env['PORT'] as string });
      assertRefused(await runRampart(['start'], env), env, /as it is taken by another process/);
    } finally {
      await stack.stop();
    }
  });

  test('a control that a person has started runs for the data directory, and goes on', async () => {
    const env = await settings();
    const child = spawnRampart(['control'], env);
    try {
      const adminUrl = `http://127.0.0.1:${env['ADMIN_PORT']}`;
      const isUp = async () => (await fetch(`${adminUrl}/api/status`).catch(() => undefined))?.ok === true;
      await eventually('control is up', isUp, 60_000);
      const { code, stderr } = await runRampart(['start'], env);
      assert.match(
        stderr,
        new RegExp(`^rampart: Cannot start, as control 0 \\(process ${child.pid}\\), .*Stop it first.*\n$`),
      );
      assert.equal(code, 2);
      assert.ok(await isUp());
    } finally {
      assert.equal(await endProcess(child, 'SIGTERM'), 0);
    }
    assert.deepEqual(processesOf(env['RAMPART_DATA_DIR'] as string), []);
  });

  test('DATABASE_URL cannot be reached; its password is not shown', async () => {
    const env = await settings({ DATABASE_URL: 'postgresql://user:hunter2@127.0.0.1:1/nowhere' });
    const result = await runRampart(['start'], env);
    assertRefused(result, env, /^rampart: Cannot .*127\.0\.0\.1:1/);
    assert.doesNotMatch(result.stderr, /hunter2/);
  });

  test('the data directory cannot be written to', async () => {
    // Root may write wherever the system lets anyone, and to /sys it lets nobody.
    const env = await settings();
    const locked = process.getuid?.() === 0 ? '/sys' : (env['RAMPART_DATA_DIR'] as string);
    if (locked !== '/sys') chmodSync(locked, 0o555);
    env['RAMPART_DATA_DIR'] = join(locked, 'rampart');
    assertRefused(
      await runRampart(['start'], env),
      env,
      /^rampart: Cannot write to the data directory: .*RAMPART_DATA_DIR/,
    );
  });

  test('the data directory is a file', async () => {
    const env = await settings();
    const file = join(env['RAMPART_DATA_DIR'] as string, 'file');
    writeFileSync(file, '');
    env['RAMPART_DATA_DIR'] = file;
    assertRefused(await runRampart(['start'], env), env, /^rampart: Cannot write to the data directory: /);
  });

  test('a seed of a generator that is no number', async () => {
    const env = await settings();
    const refused = await runRampart(['generator', '--seed', 'abc'], env);
    assertRefused(refused, env, /\n {2}- --seed must be a whole number .*'abc'\n$/, 2);
  });

  test('a command that does not exist', async () => {
    const { code, stderr } = await runRampart(['strat'], {});
    assert.equal(code, 2);
    assert.match(stderr, /^rampart: there is no command 'strat'; did you mean start\?\n/);
  });
});

/** The command line of a process; empty where it has ended meanwhile. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

describe('starts and stops', () => {
  test(`${ROUNDS} in a row leave no process, socket or lock behind`, async () => {
    const env = await stackSettings({ GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1' });
    const dataDir = env['RAMPART_DATA_DIR'] as string;
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const child = spawnRampart(['start'], env);
        let output = '';
        for (const stream of [child.stdout, child.stderr])
          stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
        await eventually(
          `round ${round} is up`,
          () => output.includes('Ctrl-C stops everything') || child.exitCode !== null,
          60_000,
        );
        const reply = await fetch(`http://127.0.0.1:${env['PORT']}/healthz`);
        assert.equal(reply.status, 200, output);
        assert.equal(await endProcess(child, round % 2 === 0 ? 'SIGINT' : 'SIGTERM'), 0, output);
        assert.deepEqual(processesOf(dataDir), []);
        assert.deepEqual(
          readdirSync(join(dataDir, 'run')).filter((name) => name !== 'processes'),
          [],
        );
        assert.deepEqual(readdirSync(join(dataDir, 'run', 'processes')), []);
        assert.equal(existsSync(join(dataDir, 'postgres', 'data', 'postmaster.pid')), false);
      }
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  test('the embedded PostgreSQL takes what the pools need, however many connections that is', async () => {
    const stack = await startStack({ GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1', DATABASE_POOL_MAX: '120' });
    try {
      const server = await findEmbeddedPostgres(stack.dataDir);
      const rows = await queryOnce(server?.url ?? '', 'SHOW max_connections');
      assert.ok(Number(rows[0]?.['max_connections']) >= 240);
    } finally {
      await stack.stop();
    }
  });

  test('a generator that a person has started beside it is left alone', async () => {
    const stack = await startStack({ GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1' });
    const port = await freePorts(1);
    const child = spawnRampart(['generator', '--port', String(port), '--calibrated'], stack.env);
    try {
      const isUp = async () => (await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined))?.ok === true;
      await eventually('the generator is up', isUp);
      await endProcess(stack.supervisor, 'SIGKILL');
      await stack.startAgain();
      assert.match(stack.output(), /taking over 4 processes/);
      assert.ok(await isUp());
    } finally {
      await endProcess(child, 'SIGTERM');
      await stack.stop();
    }
    assert.deepEqual(processesOf(stack.dataDir), []);
  });

  /** Sends Ctrl-C once `hasBegun`; tells how it ended and what it said. Nothing may be left. */
  async function interrupted(
    env: Record<string, string>,
    hasBegun: (dataDir: string) => boolean,
  ): Promise<{ code: number | null; output: string }> {
    const dataDir = env['RAMPART_DATA_DIR'] as string;
    const child = spawnRampart(['start'], env);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually('it has begun', () => hasBegun(dataDir), 30_000);
    const code = await endProcess(child, 'SIGINT');
    assert.deepEqual(processesOf(dataDir), []);
    assert.deepEqual(readdirSync(join(dataDir, 'run', 'processes')), []);
    assert.equal(existsSync(join(dataDir, 'postgres', 'data', 'postmaster.pid')), false);
    return { code, output };
  }

  test('Ctrl-C while it is still starting stops it, and leaves nothing', async () => {
    const env = await stackSettings();
    const begun = (dataDir: string) => existsSync(join(dataDir, 'run')) && processesOf(dataDir).length > 1;
    const { code, output } = await interrupted(env, begun);
    assert.deepEqual([code, output], [130, 'rampart: SIGINT, stopping (again: at once)\n']);
    rmSync(env['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
  });

  test('Ctrl-C while a process does not come up stops it all', async () => {
    const env = await stackSettings({ GENERATOR_INSTANCES: '1' });
    const dataDir = env['RAMPART_DATA_DIR'] as string;
    // Everyone loads this file, but the supervisor: it never ends, so no generator ever says that it is ready.
    const stuck = join(dataDir, 'stuck.mjs');
    writeFileSync(
      stuck,
      "if (process.argv.includes('generator')) await new Promise(() => setInterval(() => {}, 1000));\n",
    );
    env['NODE_OPTIONS'] = `--import=${stuck}`;
    const generatorThere = () => processesOf(dataDir).some((pid) => commandOf(pid).includes('generator'));
    const { code, output } = await interrupted(env, generatorThere);
    assert.deepEqual([code, output], [130, 'rampart: SIGINT, stopping (again: at once)\n']);
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('a control whose port is taken leaves no PostgreSQL and no socket, unless it found them', async () => {
    const env = await stackSettings();
    const dataDir = env['RAMPART_DATA_DIR'] as string;
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(Number(env['ADMIN_PORT']), '127.0.0.1', resolve));
    try {
      const { code, stderr } = await runRampart(['control'], env);
      assert.match(stderr, /^rampart: Cannot start the admin API .*, as it is taken by another process.*\n$/);
      assert.equal(code, 2);
      assert.deepEqual(processesOf(dataDir), []);
      assert.equal(existsSync(join(dataDir, 'run', 'control.sock')), false);
      const found = await startEmbeddedPostgres({ dataDir });
      assert.equal((await runRampart(['control'], env)).code, 2);
      assert.equal((await findEmbeddedPostgres(dataDir))?.pid, found.pid);
      await found.stop();
    } finally {
      server.close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
