import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../src/store/store.ts';
import { newsFunctions } from '../../src/store/valkey/news-functions.ts';
import { ValkeyNews } from '../../src/store/valkey/valkey-news.ts';
import { connectValkey } from '../../src/cli/valkey.ts';
import { temporaryFolder, withPostgres } from '../support/postgres.ts';
import { eventually } from '../support/raw.ts';
import { processesOf, type Stack, startStack } from '../support/stack.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

/** A host as users start it, with a folder and a configuration file of its own. */
interface Host {
  readonly folder: string;
  readonly stack: Stack;
}

describe('rampart reload --fleet', { skip: withoutValkey }, () => {
  const postgres = withPostgres();
  let valkey: TestValkey;
  let store: Store;
  let a: Host;
  let b: Host;

  before(async () => {
    valkey = await startValkey();
    const url = await postgres.database();
    store = await postgres.store({ url });
    [a, b] = await Promise.all([startHost('a', url), startHost('b', url)]);
  });
  after(async () => {
    for (const host of [a, b]) await host?.stack.stop();
    await valkey?.close();
  });

  async function startHost(name: string, url: string): Promise<Host> {
    const folder = await temporaryFolder();
    write(folder, 'first');
    const dataDir = join(folder, 'data');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'host-id'), `${name}\n`);
    const none = { GENERATOR_INSTANCES: '0', BATCH_WORKERS: '0', GATEWAY_WORKERS: '1' };
    const own = { RAMPART_DATA_DIR: dataDir, PWD: folder };
    return { folder, stack: await startStack({ ...none, ...own, VALKEY_URL: valkey.url, DATABASE_URL: url }) };
  }

  /** Writes the configuration file: one route that answers with this text, and the cap of an upstream. */
  function write(folder: string, body: string, cap = 4): void {
    const routes = [{ endpoint: 'text', path: '/*', static: { status: 200, body }, authenticate: false }];
    const file = `export default ${JSON.stringify({ builtin: false, routes, upstreams: { app: { backends: ['http://127.0.0.1:9'], cap } } })};\n`;
    writeFileSync(join(folder, 'rampart.config.ts'), file);
  }

  const text = async ({ stack }: Host): Promise<string> => (await fetch(`${stack.url}/text`)).text();

  /** Has the fleet believe, until it ends, that there is a host x, so that a decision waits for the answer of x. */
  async function pretendHost(): Promise<() => Promise<void>> {
    const { client } = await connectValkey(valkey.url, 'x', [newsFunctions]);
    const news = new ValkeyNews(client);
    const ask = { control: 'x', host: 'x', acknowledged: undefined, after: undefined, wantsHosts: false };
    await news.read(ask);
    const over = new AbortController();
    const loop = (async () => {
      while (!over.signal.aborted) {
        await news.read(ask);
        await sleep(500);
      }
    })();
    return async () => {
      over.abort();
      await loop;
      await news.leave('x');
      client.close();
    };
  }

  test('one command puts a file in force on all hosts, and a host that dies meanwhile serves it when it is back', async () => {
    write(a.folder, 'second');
    const first = await a.stack.run('reload', '--fleet');
    assert.equal(
      first.stdout,
      `version 1 of the fleet is in force
  a  in force
  b  in force
  live    routes.text.static.body changes from "first" to "second"
`,
    );
    assert.deepEqual([first.code, await text(a), await text(b)], [0, 'second', 'second']);

    const leave = await pretendHost();
    write(a.folder, 'third', 9);
    const reload = a.stack.run('reload', '--fleet', '--json');
    const hasAccepted = async (): Promise<boolean> =>
      (await store.fleetConfig.hosts()).some(({ host, answered }) => host === 'b' && answered === 2);
    await eventually('b has accepted it', hasAccepted, 20_000);
    for (const pid of processesOf(b.stack.dataDir)) process.kill(pid, 'SIGKILL');
    assert.equal(await text(a), 'second', 'nothing is in force before all hosts have accepted');
    await store.fleetConfig.answer('x', 2, []);
    await store.fleetConfig.report('x', { version: 2, departs: false, problem: null, waitsFor: null });
    await eventually('it is in force', async () => (await text(a)) === 'third', 20_000);
    await b.stack.startAgain();
    assert.equal(await text(b), 'third', 'the first reply of the host that has died');
    const banner = b.stack.output().split('Rampart is up.').at(-1) ?? '';
    assert.match(banner, /1 of upstream app, 9 requests at a time each/);
    assert.match(banner, /database {2}PostgreSQL of DATABASE_URL, for what the hosts .*\n/);
    assert.match(banner, /note {6}not the configuration file of this host is in force/);
    assert.match(
      (await b.stack.run('status')).stdout,
      /, version 2 of the fleet\n[^]*127\.0\.0\.1:9 +not checked +\d+ \/ 9\n/,
    );
    const { code, stdout } = await reload;
    assert.deepEqual([code, (JSON.parse(stdout) as { outcome: string }).outcome], [0, 'applied']);
    await leave();

    write(b.folder, 'own');
    const own = await b.stack.run('reload');
    assert.match(own.stdout, /note {4}this host departs from version 2 of the fleet/);
    const status = await a.stack.run('fleet', 'status');
    assert.match(status.stdout, /Version 2 of the fleet is in force\.\n.*\n {2}a +2 +lives\n {2}b +2 +lives +DEPARTS/);
  });

  test('the configuration and the workers are not reloaded by one command', async () => {
    const both = await a.stack.run('reload', '--fleet', '--workers');
    assert.deepEqual([both.code, /give one of them/.test(both.stderr)], [2, true]);
  });
});
