import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { FleetReloadResult } from '../../src/control/fleet/config-result.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import type { Store } from '../../src/store/store.ts';
import { FleetConfigHost } from '../support/fleet-config-host.ts';
import { withPostgres } from '../support/postgres.ts';
import { eventually } from '../support/raw.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

const LIMIT_MS = 20_000;

describe('one configuration for all hosts of a fleet', { skip: withoutValkey }, () => {
  const postgres = withPostgres();
  let valkey: TestValkey;
  let store: Store;
  let hosts: readonly FleetConfigHost[] = [];
  let url: string;
  before(async () => {
    valkey = await startValkey();
    url = await postgres.database();
    store = await postgres.store({ url });
  });
  after(() => valkey?.close());
  beforeEach(async () => {
    await queryOnce(url, 'TRUNCATE fleet_configs, fleet_config_hosts, fleet_news');
    const start = (host: string): Promise<FleetConfigHost> =>
      FleetConfigHost.start({ host, valkeyUrl: valkey.url, store });
    hosts = [await start('a'), await start('b')];
    await eventually('a knows both hosts', () => at(0).live.length === 2, LIMIT_MS);
  });

  const at = (index: number): FleetConfigHost => hosts[index] as FleetConfigHost;
  const texts = (): (string | undefined)[] => hosts.map(({ text }) => text);
  const reload = (
    host: FleetConfigHost,
    more: { dryRun?: boolean; atRestart?: boolean } = {},
  ): Promise<FleetReloadResult> => host.reload({ who: 'test', ...more });
  const statesOf = ({ hosts: all }: FleetReloadResult): string =>
    all.map(({ host, state }) => `${host} ${state}`).join();

  test('is put in force on all hosts, and none of them has to have the file', async () => {
    at(0).write('second');
    const dry = await reload(at(0), { dryRun: true });
    assert.deepEqual([dry.outcome, statesOf(dry), texts()], ['checked', 'a accepted,b accepted', ['first', 'first']]);
    const done = await reload(at(0));
    assert.deepEqual([done.outcome, statesOf(done)], ['applied', 'a in-force,b in-force']);
    assert.deepEqual(texts(), ['second', 'second']);
    assert.equal((await reload(at(0))).outcome, 'unchanged');
  });

  test('is refused as a whole where one host lacks a file, which is named', async () => {
    writeFileSync(join(at(0).folder, 'ca.pem'), 'text');
    const app = { backends: ['https://app.example'], tls: { caFile: 'ca.pem' } };
    at(0).write('second', { upstreams: { app } });
    const result = await reload(at(0));
    assert.deepEqual([result.outcome, result.reason, statesOf(result)], ['refused', 'hosts', 'a accepted,b refused']);
    assert.match(result.problems.join(), /^b: upstreams\.app\.tls: a file cannot be read: ENOENT.*ca\.pem/);
    assert.deepEqual(texts(), ['first', 'first']);
    at(0).write('third');
    assert.equal((await reload(at(0))).outcome, 'applied', 'a refusal leaves nothing behind');
  });

  test('is taken by a host that was absent before it serves, and its log names its own file', async () => {
    await at(1).stopControl();
    at(0).write('second');
    const result = await reload(at(0));
    assert.deepEqual([result.outcome, statesOf(result)], ['applied', 'a in-force']);
    await at(1).startControl();
    assert.equal(at(1).text, 'second');
    assert.match(at(1).logged.join(), /the configuration file of this host differs from version 1 of the fleet/);
  });

  test('is not taken by a host that starts without a file which it needs, until the file is there', async () => {
    await at(1).stopControl();
    writeFileSync(join(at(0).folder, 'ca.pem'), 'text');
    at(0).write('second', { upstreams: { app: { backends: ['https://app.example'], tls: { caFile: 'ca.pem' } } } });
    assert.equal((await reload(at(0))).outcome, 'applied');
    await at(1).startControl();
    assert.deepEqual([at(1).text, at(1).status?.from], ['first', 'file']);
    assert.match(at(1).status?.problem ?? '', /^version 1 of the fleet cannot be used: .*ENOENT.*ca\.pem/);
    writeFileSync(join(at(1).folder, 'ca.pem'), 'text');
    await eventually('b has it', () => at(1).text === 'second' && at(1).status?.problem === null, LIMIT_MS);
  });

  test('is taken by hosts that have accepted it, if the one that decides dies before it tells', async () => {
    const proposal = {
      hash: 'hash',
      host: 'a',
      who: 'test',
      file: at(0).file('second'),
      force: false,
      atRestart: false,
    };
    assert.equal(await store.fleetConfig.propose(proposal), 1);
    for (const { control } of hosts) control.fleetConfig?.follower.look();
    const answers = async (): Promise<unknown> => (await store.fleetConfig.hosts()).map(({ answered }) => answered);
    await eventually('both accept', async () => isDeepStrictEqual(await answers(), [1, 1]), LIMIT_MS);
    assert.deepEqual(texts(), ['first', 'first']);
    assert.equal(await store.fleetConfig.activate(1), true);
    await eventually('both have it', () => texts().every((text) => text === 'second'), LIMIT_MS);
  });

  test('one change at a time; without a decision it is given up, which cannot be undone', async () => {
    const { fleetConfig } = store;
    const proposal = { hash: 'hash', host: 'a', who: 'test', file: {}, force: false, atRestart: false };
    const both = await Promise.all([fleetConfig.propose(proposal), fleetConfig.propose(proposal)]);
    assert.deepEqual(both.toSorted(), [1, undefined]);
    await queryOnce(url, "UPDATE fleet_configs SET created_at = created_at - interval '46 seconds'");
    assert.equal(await fleetConfig.activate(1), false);
    assert.equal(await fleetConfig.propose(proposal), 2);
    assert.equal(await fleetConfig.activate(1), false);
    assert.equal(await fleetConfig.activate(2), true);
    assert.equal(await fleetConfig.activate(2), false);
    const { active, proposed } = await fleetConfig.versions();
    assert.deepEqual([active?.number, proposed], [2, undefined]);
  });

  test('a row with the last number does not keep later changes from the fleet', async () => {
    const { fleetConfig } = store;
    at(0).write('second');
    assert.equal((await reload(at(0))).outcome, 'applied');
    await queryOnce(url, 'UPDATE fleet_configs SET number = 2147483647');
    at(0).write('third');
    const done = await reload(at(0));
    assert.deepEqual([done.outcome, done.version, texts()], ['applied', 2, ['third', 'third']]);
    const numbers = 'SELECT number FROM fleet_configs ORDER BY number';
    assert.deepEqual(await queryOnce(url, numbers), [{ number: 1 }, { number: 2 }]);
    await queryOnce(url, 'UPDATE fleet_configs SET number = number + 2147483645');
    at(0).write('fourth');
    const full = await reload(at(0));
    assert.equal(full.outcome, 'refused');
    assert.match(full.problems.join(), /the numbers of versions are used up.*table fleet_configs, delete/);
    // A proposal that is under way has its time first.
    await queryOnce(url, 'DELETE FROM fleet_configs WHERE number < 2147483647');
    await queryOnce(url, 'UPDATE fleet_configs SET preparing = 1, created_at = now()');
    const proposal = { hash: 'hash', host: 'a', who: 'test', file: {}, force: false, atRestart: false };
    assert.equal(await fleetConfig.propose(proposal), undefined);
  });

  test('a proposal whose time is far ahead, because the clock of PostgreSQL was set back, is given up', async () => {
    const { fleetConfig } = store;
    const proposal = { hash: 'hash', host: 'a', who: 'test', file: {}, force: false, atRestart: false };
    assert.equal(await fleetConfig.propose(proposal), 1);
    await queryOnce(url, "UPDATE fleet_configs SET created_at = created_at + interval '1 hour'");
    assert.equal(await fleetConfig.activate(1), false);
    assert.equal((await fleetConfig.versions()).proposed, undefined);
    assert.equal(await fleetConfig.propose(proposal), 2);
  });

  test('an answer of another form is no acceptance, and leaves no proposal behind', async () => {
    at(1).deafen();
    const answers = ['{"a":1}', 'null', '[{"text":"x"}]', '7'];
    for (const [index, answer] of answers.entries()) {
      at(0).write(`changed ${index}`);
      await queryOnce(url, `DELETE FROM fleet_config_hosts WHERE host = 'b'`);
      const values = `'b', ${index + 1}, '${answer}', now()`;
      await queryOnce(url, `INSERT INTO fleet_config_hosts (host, answered, problems, reported_at) VALUES (${values})`);
      const result = await reload(at(0));
      assert.deepEqual([result.reason, statesOf(result)], ['hosts', 'a accepted,b refused'], answer);
      assert.match(result.problems.join(), /^b: an answer that this release does not understand: /);
    }
  });

  test('a silent host, as of an earlier release, prevents it; a second change is refused meanwhile', async () => {
    at(0).write('second');
    at(1).deafen();
    const first = reload(at(0));
    await eventually(
      'it is proposed',
      async () => (await store.fleetConfig.versions()).proposed !== undefined,
      LIMIT_MS,
    );
    at(1).write('other');
    const second = await reload(at(1));
    assert.equal(second.reason, 'busy');
    assert.match(second.problems.join(), /under way by test on a \(version 1\)/);
    await at(1).stopControl();
    // From here on b does not live, so it is not awaited.
    assert.equal((await first).outcome, 'applied');
    await at(1).startControl();
    assert.deepEqual(texts(), ['second', 'second']);
  });

  test('without PostgreSQL it is refused, and a host starts with the version that it had last', async () => {
    at(0).write('second');
    assert.equal((await reload(at(0))).outcome, 'applied');
    await postgres.stop();
    at(0).write('third');
    const result = await reload(at(0));
    assert.deepEqual([result.outcome, result.reason], ['refused', 'stores']);
    await at(1).stopControl();
    await at(1).startControl();
    assert.deepEqual([at(1).text, at(1).status?.from], ['second', 'disk']);
    await postgres.start();
    await eventually('b hears of PostgreSQL', () => at(1).status?.from === 'fleet', LIMIT_MS);
    assert.deepEqual(texts(), ['second', 'second']);
  });

  const restarting = { proxyProtocol: { port: 9, from: ['127.0.0.1'] } };

  test('that needs a restart is decided with atRestart, and taken by each host when it starts', async () => {
    at(0).write('second', restarting);
    const refused = await reload(at(0));
    assert.deepEqual([refused.outcome, refused.reason], ['refused', 'file']);
    assert.match(refused.problems.join(), /needs a restart.*--fleet --at-restart/);
    const unlike = await reload(at(0), { atRestart: true });
    assert.deepEqual([unlike.outcome, statesOf(unlike)], ['refused', 'a accepted,b refused']);
    assert.match(unlike.problems.join(), /^b: its listeners .* are not those of the file of this host: copy the file/);
    // Its supervisor opens the listeners of its own file.
    at(1).write('own', restarting);
    const dry = await reload(at(0), { atRestart: true, dryRun: true });
    assert.deepEqual([dry.outcome, statesOf(dry)], ['checked', 'a accepted,b accepted']);
    const done = await reload(at(0), { atRestart: true });
    assert.deepEqual([done.outcome, statesOf(done)], ['applied', 'a at-restart,b at-restart']);
    assert.deepEqual(texts(), ['first', 'first']);
    assert.match(at(1).status?.problem ?? '', /is taken when this host starts again: .*needs a restart/);
    await at(1).stopControl();
    await at(1).startControl();
    assert.deepEqual([at(1).status?.problem, at(1).status?.departs], [null, false]);
    assert.deepEqual(texts(), ['first', 'second']);
    assert.deepEqual([at(1).status?.problem, at(1).status?.departs], [null, false]);
  });

  test('with atRestart and no need of one it is in force at once', async () => {
    at(0).write('second');
    const done = await reload(at(0), { atRestart: true });
    assert.deepEqual([done.outcome, statesOf(done)], ['applied', 'a in-force,b in-force']);
    assert.deepEqual(texts(), ['second', 'second']);
  });

  test('that waits for a restart can be replaced without one, and is refused where it cannot be used', async () => {
    at(0).write('second', restarting);
    at(1).write('second', restarting);
    assert.equal((await reload(at(0), { atRestart: true })).outcome, 'applied');
    at(0).write('third');
    const back = await reload(at(0));
    assert.deepEqual([back.outcome, statesOf(back), texts()], ['applied', 'a in-force,b in-force', ['third', 'third']]);
    writeFileSync(join(at(0).folder, 'ca.pem'), 'text');
    const app = { backends: ['https://app.example'], tls: { caFile: 'ca.pem' } };
    at(0).write('fourth', { ...restarting, upstreams: { app } });
    const result = await reload(at(0), { atRestart: true });
    assert.deepEqual([result.outcome, statesOf(result)], ['refused', 'a accepted,b refused']);
  });

  test('only the problem that a restart cures is said to wait for one', async () => {
    writeFileSync(join(at(0).folder, 'ca.pem'), 'text');
    const file = at(0).file('second', {
      ...restarting,
      upstreams: { app: { backends: ['https://app.example'], tls: { caFile: 'ca.pem' } } },
    });
    const { fleetConfig } = store;
    await fleetConfig.propose({ hash: 'hash', host: 'a', who: 'test', file, force: false, atRestart: true });
    assert.equal(await fleetConfig.activate(1), true);
    for (const { control } of hosts) control.fleetConfig?.follower.look();
    const said = async (): Promise<unknown> =>
      (await fleetConfig.hosts()).map(({ host, waitsFor, problem }) => [host, waitsFor, problem?.slice(0, 45)]);
    const wanted = [
      ['a', 1, 'version 1 of the fleet is taken when this hos'],
      ['b', null, 'version 1 of the fleet cannot be taken: upstr'],
    ];
    await eventually('both have said so', async () => isDeepStrictEqual(await said(), wanted), LIMIT_MS);
  });

  test('a plain reload that needs a restart says how the fleet takes it', async () => {
    const own = async (): Promise<string> => {
      at(1).write('own', restarting);
      const { reason, problems, remarks } = await at(1).control.keeper.reload({ who: 'test' });
      assert.equal(reason, 'restart-needed');
      assert.doesNotMatch(remarks.join(), /departs/, 'nothing has changed');
      return problems.join('\n');
    };
    assert.match(
      await own(),
      /: this needs a restart\nfor all hosts at once, rampart reload --fleet --at-restart makes/,
    );
    at(0).write('second');
    assert.equal((await reload(at(0))).outcome, 'applied');
    assert.match(
      await own(),
      /: this needs a restart\na restart alone does not help, because this host starts with version 1 of the fleet: rampart reload --fleet --at-restart/,
    );
  });

  test('from a host that departs it lists what changes for the fleet', async () => {
    at(0).write('second');
    assert.equal((await reload(at(0))).outcome, 'applied');
    at(1).write('own');
    assert.equal((await at(1).control.keeper.reload({ who: 'test' })).outcome, 'applied');
    const dry = await reload(at(1), { dryRun: true });
    assert.deepEqual(
      dry.changes.map(({ text }) => text),
      ['routes.text.static.body changes from "second" to "own"'],
    );
    // Back to what the fleet has: only this host changes.
    at(1).write('second');
    const back = await reload(at(1));
    assert.deepEqual(
      [back.outcome, back.changes.map(({ text }) => text)],
      ['applied', ['routes.text.static.body changes from "own" to "second"']],
    );
  });

  test('a host that reloads its own file departs from the fleet until its control starts again', async () => {
    at(0).write('second');
    assert.equal((await reload(at(0))).outcome, 'applied');
    at(1).write('own');
    const { outcome, remarks } = await at(1).control.keeper.reload({ who: 'test' });
    assert.deepEqual([outcome, at(1).text], ['applied', 'own']);
    assert.match(remarks.join(), /departs from version 1 of the fleet/);
    assert.equal(at(1).status?.departs, true);
    await at(1).stopControl();
    await at(1).startControl();
    assert.deepEqual([at(1).text, at(1).status?.departs], ['second', false]);
  });

  test('without Valkey nothing is proposed, and hosts keep what they have', async () => {
    await valkey.kill();
    await eventually('a hears no news', () => at(0).isApart, LIMIT_MS);
    at(0).write('second');
    const result = await reload(at(0));
    assert.deepEqual([result.outcome, result.reason], ['refused', 'stores']);
    assert.match(result.problems.join(), /which hosts live/);
    assert.deepEqual(texts(), ['first', 'first']);
    assert.deepEqual(await store.fleetConfig.versions(), { active: undefined, proposed: undefined });
  });
});
