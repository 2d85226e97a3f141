import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { dayOf, partitionName } from '../../src/policy/ledger/retention.ts';
import type { RetentionReport } from '../../src/store/partitions/retention-run.ts';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack, stackSettings } from '../support/stack.ts';

const DAY_MS = 86_400_000;

describe('rampart retention', () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack(await stackSettings({ GATEWAY_WORKERS: '1', LEDGER_RETENTION_DAYS: '30' }));
  });
  after(() => stack.stop());

  test('says what it would do, does it while Rampart runs, and control has done it at the start', async () => {
    await eventually('control has run it', async () =>
      /^rampart_retention_runs_total\{result="done"\} 1$/m.test(await stack.metrics()),
    );
    assert.match(await stack.metrics(), /^rampart_record_partitions 9$/m);
    const url = (await findEmbeddedPostgres(stack.dataDir))?.url ?? '';
    const old = dayOf(Date.now() - 60 * DAY_MS);
    const name = partitionName(old);
    const [from, to] = [old, old + 1].map((day) => (day * DAY_MS).toString(16).padStart(12, '0'));
    const bound = (hex = ''): string => `'${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000'`;
    await queryOnce(
      url,
      `CREATE TABLE ${name} PARTITION OF barcodes FOR VALUES FROM (${bound(from)}) TO (${bound(to)})`,
    );
    const planned = await stack.run('retention', '--dry-run');
    assert.match(planned.stdout, /^Records are kept for 30 days/);
    assert.match(planned.stdout, new RegExp(`would be dropped {2}${name} {2}about 0 records, \\d\\.\\d MB\n`));
    assert.match(planned.stdout, /9 partitions would stay\.\n$/);
    const done = await stack.run('retention', '--json');
    assert.equal(done.code, 0, done.stderr);
    const report = JSON.parse(done.stdout) as RetentionReport;
    assert.deepEqual([report.dropped[0]?.name, report.kept], [name, 9]);
    assert.match((await stack.run('retention')).stdout, /\n9 partitions are there\.\n$/);
    const wrong = await stack.run('retention', '--dryrun');
    assert.deepEqual([wrong.code, /did you mean --dry-run/.test(wrong.stderr)], [2, true]);
  });

  test('the pools of gateway and batch workers and of control, and the calls by kind of work, are in the metrics', async () => {
    await eventually('all roles have reported', async () => {
      const text = await stack.metrics();
      const own = ['role="control",state="max"} 3', 'role="control",state="waiting"} 0'];
      return ['role="gateway",state="max"} 10', 'role="batch",state="max"} 4', ...own].every((gauge) =>
        text.includes(`rampart_db_pool_connections{${gauge}\n`),
      );
    });
    assert.equal((await fetch(`${stack.url}/v1/barcodes`, { headers: { 'x-api-key': stack.key } })).status, 200);
    const text = await stack.metrics();
    for (const share of ['keys', 'reads'])
      assert.match(text, new RegExp(`rampart_db_calls_total\\{share="${share}",result="ok"\\} [1-9]`));
    assert.match(text, /rampart_db_share_calls\{share="ledger",state="waiting"\} 0\n/);
    assert.match(text, /rampart_db_slow_calls_total \d+\n/);
  });

  test('a barcode of now is stored in the partition of today', async () => {
    const headers = { 'x-api-key': stack.key, 'content-type': 'application/json' };
    const body = '{"symbology":"qrcode","text":"today"}';
    const created = await fetch(`${stack.url}/v1/barcodes`, { method: 'POST', headers, body });
    assert.equal(created.status, 201);
    const url = (await findEmbeddedPostgres(stack.dataDir))?.url ?? '';
    const where = "SELECT tableoid::regclass::text AS name FROM barcodes WHERE text = 'today'";
    await eventually('it is stored', async () => (await queryOnce(url, where)).length === 1);
    assert.deepEqual(await queryOnce(url, where), [{ name: partitionName(dayOf(Date.now())) }]);
    const reply = await fetch(`${stack.url}/v1/barcodes/export?symbology=qrcode&images=true`, { headers });
    const [line = ''] = (await reply.text()).split('\n');
    const { image_base64: image, ...exported } = JSON.parse(line) as Record<string, unknown>;
    const single = await fetch(`${stack.url}${created.headers.get('location')}`, { headers });
    assert.deepEqual(exported, await single.json());
    assert.equal(Buffer.from(String(image), 'base64').toString(), await created.text());
  });
});
