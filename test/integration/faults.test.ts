import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { eventually } from '../support/raw.ts';
import { endProcess, processesOf, type Stack, startStack } from '../support/stack.ts';
import { startSteadyClient, type SteadyResult } from '../support/steady-client.ts';

/** What a kill may cost at 100 requests a second, of which each takes a few milliseconds: those that were on the process. */
const MOST_LOST = 12;

const failed = ({ outcomes }: SteadyResult): number =>
  Object.entries(outcomes).reduce((sum, [outcome, count]) => sum + (outcome === '201' ? 0 : count), 0);

describe('kill -9 under load', () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack();
  });
  after(async () => {
    assert.equal(await stack.stop(), 0);
    assert.deepEqual(processesOf(stack.dataDir), []);
  });

  const load = (keepAlive: boolean) => startSteadyClient({ url: stack.url, key: stack.key, perSecond: 100, keepAlive });
  const settle = () => new Promise((resolve) => setTimeout(resolve, 500));

  async function killed(pid: number, isBack: () => Promise<boolean>): Promise<SteadyResult> {
    const client = load(true);
    await settle();
    process.kill(pid, 'SIGKILL');
    const killedAt = performance.now();
    await eventually('what died is back', isBack);
    console.log(`    back after ${Math.round(performance.now() - killedAt)} ms`);
    await settle();
    const result = await client.stop();
    console.log(`    ${result.sent} sent: ${JSON.stringify(result.outcomes)}`);
    return result;
  }

  /** Each record whose reply a client has got is in PostgreSQL, exactly once. */
  async function assertRecorded(...results: SteadyResult[]): Promise<void> {
    const ids = results.flatMap(({ locations }) => locations.map((location) => location.replace('/v1/barcodes/', '')));
    assert.ok(ids.length > 0 && new Set(ids).size === ids.length);
    const url = (await findEmbeddedPostgres(stack.dataDir))?.url ?? '';
    const list = ids.map((id) => `'${id}'`).join(',');
    await eventually(`all ${ids.length} records are there`, async () => {
      const [row] = await queryOnce(url, `SELECT count(*)::int AS n FROM barcodes WHERE id IN (${list})`);
      return row?.['n'] === ids.length;
    });
  }

  test('of a worker: only what it had in flight is lost, and it is back', async () => {
    const [victim] = (await stack.status()).workers;
    assert.ok(victim);
    const result = await killed(victim.pid, async () => {
      const { workers } = await stack.status();
      return workers.length === 2 && workers.every(({ pid }) => pid !== victim.pid);
    });
    assert.ok(failed(result) <= MOST_LOST, JSON.stringify(result.outcomes));
    assert.deepEqual(
      Object.keys(result.outcomes).filter((outcome) => /^[45]/.test(outcome)),
      [],
    );
    await assertRecorded(result);
  });

  test('of a generator: what it had in flight is done elsewhere or answered with 502, and it is back', async () => {
    const victim = (await stack.status()).processes.find(({ role }) => role === 'generator');
    assert.ok(victim);
    const result = await killed(victim.pid, async () => {
      const { processes, backends } = await stack.status();
      const generators = processes.filter(({ role }) => role === 'generator');
      return (
        generators.length === 2 && generators.every(({ pid }) => pid !== victim.pid) && backends.every(({ up }) => up)
      );
    });
    assert.ok(failed(result) <= MOST_LOST, JSON.stringify(result.outcomes));
    assert.deepEqual(
      Object.keys(result.outcomes).filter((outcome) => outcome !== '201' && outcome !== '502'),
      [],
    );
  });

  test('of control: nothing is lost, counters do not go backwards, and it is back', async () => {
    const { control } = await stack.status();
    const counted = async (): Promise<number> =>
      Number(
        /^rampart_requests_total\{endpoint="createBarcode",status="201"\} (\d+)$/m.exec(await stack.metrics())?.[1],
      );
    const before = await counted();
    const result = await killed(control.pid, async () => {
      const status = await stack.status().catch(() => undefined);
      return status !== undefined && status.control.pid !== control.pid && status.workers.length === 2;
    });
    assert.equal(failed(result), 0, JSON.stringify(result.outcomes));
    assert.ok((await counted()) >= before + result.sent, 'counters go on');
  });

  test('of the supervisor: nothing is lost; the next start takes over, and nothing is there twice', async () => {
    const old = await stack.status();
    const client = load(true);
    const fresh = load(false);
    await settle();
    await endProcess(stack.supervisor, 'SIGKILL');
    await settle();
    await eventually('the workers go on', async () => (await stack.status()).workers.length === 2);
    await stack.startAgain();
    await settle();
    const results = [await client.stop(), await fresh.stop()];
    for (const result of results)
      console.log(
        `    ${result.sent} sent: ${JSON.stringify(result.outcomes)}, slowest ${Math.round(result.slowestMs)} ms`,
      );
    // Two sockets close; between the last look at the queue of each and its close lie microseconds (ADR 12).
    assert.ok(results.map(failed).reduce((sum, count) => sum + count) <= 2, JSON.stringify(results));
    await assertRecorded(...results);
    for (const { outcomes } of results)
      for (const outcome of Object.keys(outcomes)) assert.match(outcome, /^201$|^error:ECONNRESET$/);
    const { workers, processes, control } = await stack.status();
    assert.deepEqual([workers.length, processes.filter(({ role }) => role === 'generator').length], [2, 2]);
    const before = new Set([...old.workers, ...old.processes, old.control].map(({ pid }) => pid));
    for (const { pid } of [...workers, ...processes, control]) assert.ok(!before.has(pid), 'an old process is left');
  });

  test('of PostgreSQL: requests go on, it is back, and every record is there', async () => {
    const victim = await findEmbeddedPostgres(stack.dataDir);
    assert.ok(victim);
    const since = new Date().toISOString();
    const result = await killed(victim.pid, async () => {
      const found = await findEmbeddedPostgres(stack.dataDir);
      return found !== undefined && found.pid !== victim.pid;
    });
    assert.equal(failed(result), 0, JSON.stringify(result.outcomes));
    assert.match(stack.output(), /rampart: PostgreSQL ended; starting it again\n/);
    await assertRecorded(result);
    await eventually('every record is there', async () => {
      const count = `SELECT count(*)::int AS n FROM barcodes WHERE created_at >= '${since}'`;
      return (await queryOnce(victim.url, count))[0]?.['n'] === result.sent;
    });
  });

  test('a second start beside a running one says so, and changes nothing', async () => {
    const { code, stderr } = await stack.run('start');
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^rampart: Cannot start, as Rampart is running already for .*: process \d+ serves http:\/\/127\.0\.0\.1:\d+ .*\n$/,
    );
    await eventually('both workers are there', async () => (await stack.status()).workers.length === 2);
  });
});
