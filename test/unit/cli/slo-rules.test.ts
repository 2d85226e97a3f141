import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { slo } from '../../../src/cli/slo.ts';
import { sloFiles } from '../../../src/cli/slo-rules/write-rules.ts';
import { parseSlo } from '../../../src/config/slo-file.ts';
import { UsageError } from '../../../src/core/errors.ts';
import { boundsWith } from '../../../src/metrics/latency-bounds.ts';
import { latencyThresholdsMs } from '../../../src/policy/slo/thresholds.ts';
import { causes } from '../../../src/policy/verdict/causes.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-rules-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const golden = new URL('../../golden/slo-rules/', import.meta.url);
const text = readFileSync(new URL('slo.yaml', golden), 'utf8');
const parsed = parseSlo(text, 'slo.yaml');
assert.ok(parsed.ok);
const files = sloFiles(parsed.slo, boundsWith(latencyThresholdsMs(parsed.slo)));

for (const { name, text: written } of files) {
  test(`slo rules writes ${name} as it is in test/golden/slo-rules; UPDATE_GOLDEN=1 writes it anew`, () => {
    const path = new URL(name, golden);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, written);
    assert.equal(written, readFileSync(path, 'utf8'));
  });
}

test('slo rules writes the same text for the same file', () => {
  const again = parseSlo(text, 'slo.yaml');
  assert.ok(again.ok);
  assert.deepEqual(sloFiles(again.slo, boundsWith(latencyThresholdsMs(again.slo))), files);
});

async function run(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const io = {
    stdout: { write: (written: string) => (out += written) },
    stderr: { write: (written: string) => (err += written) },
    env: {},
    folder,
  };
  return { code: await slo(args, io), out, err };
}

test('slo rules prints the rules, and writes all files to a folder that it makes', async () => {
  writeFileSync(join(folder, 'slo.yaml'), text);
  const printed = await run('rules');
  assert.deepEqual([printed.code, printed.out], [0, files[0]?.text]);
  assert.match(printed.err, /no route has the endpoint work, so nothing counts for it/);
  const { code, out } = await run('rules', '--out', 'made/for it');
  assert.equal(code, 0);
  assert.match(out, /slo-rules\.yaml: \d+ recording rules, \d+ alerts\n/);
  assert.match(out, /cd '.*made\/for it' && promtool test rules /);
  assert.deepEqual(readdirSync(join(folder, 'made/for it')), files.map(({ name }) => name).toSorted());
  const { files: listed } = JSON.parse((await run('rules', '--json')).out) as {
    files: { name: string; text: string }[];
  };
  assert.deepEqual(
    listed.map(({ name, text: held }) => [name, held]),
    files.map(({ name, text: held }) => [name, held]),
  );
});

const refused = async (content: string): Promise<string> => {
  writeFileSync(join(folder, 'odd.yaml'), content);
  const error = await run('rules', '--slo', 'odd.yaml').catch((thrown: unknown) => thrown);
  assert.ok(error instanceof UsageError, String(error));
  return [error.message, ...error.problems].join('\n');
};

test('slo rules refuses alerts that could never fire, latencies that are no bound, and files that are wrong', async () => {
  const objective = (one: string): string => `service: s\nendpoints: [{ id: work, objectives: [${one}] }]`;
  assert.match(await refused(objective('{ sli: latency, le: 150ms, target: 0.9 }')), /page-quick can never fire/);
  const many = Array.from({ length: 45 }, (_, index) => `{ sli: latency, le: ${301 + index}ms, target: 0.95 }`);
  assert.match(await refused(objective(many.join(', '))), /345ms is no bound of rampart_latency_seconds/);
  assert.match(
    await refused('service: s\nendpoints: [{ id: "my endpoint" }]'),
    /endpoints\.0\.id: .* got "my endpoint"/,
  );
  await assert.rejects(run('rules', '--slo', 'none.yaml'), /Cannot use the SLO file/);
  rmSync(join(folder, 'slo.yaml'), { force: true });
  await assert.rejects(run('rules'), /there is no SLO file: write slo\.yaml in this folder/);
});

test('slo takes status and rules, and the options of each', async () => {
  for (const args of [['burn'], ['status', '--out', 'x'], []])
    await assert.rejects(run(...args), (error) => error instanceof UsageError && error.exitCode === 64, args.join(' '));
});

test('a file with nothing to count has rules for the database alone', () => {
  const bare = parseSlo('service: s\nendpoints: [{ id: work, alerts: { errors: 50% } }]', 'slo.yaml');
  assert.ok(bare.ok);
  const [rules] = sloFiles(bare.slo, boundsWith(latencyThresholdsMs(bare.slo)));
  const { groups } = parse(rules?.text ?? '') as { groups: { rules: { alert?: string }[] }[] };
  assert.deepEqual(
    groups.flatMap((group) => group.rules.map(({ alert }) => alert)),
    ['RampartErrorsDegraded', 'RampartPoolDegraded'],
  );
});

test('every alert rule names a cause that has a section in the runbook', () => {
  const { groups } = parse(files[0]?.text ?? '') as {
    groups: { rules: { alert?: string; labels: { cause?: string }; annotations?: { runbook?: string } }[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules.filter(({ alert }) => alert?.startsWith('Rampart')));
  assert.ok(alerts.length >= 8);
  for (const { alert, labels, annotations } of alerts) {
    assert.ok(Object.hasOwn(causes, labels.cause ?? ''), String(alert));
    assert.equal(annotations?.runbook, `docs/runbook.md#${labels.cause}`);
  }
});

test('the dashboard can be provisioned: a variable for the data source, and nothing that only an import would fill in', () => {
  const board = JSON.parse(files.at(-1)?.text ?? '') as {
    id: null;
    uid: string;
    schemaVersion: number;
    graphTooltip: number;
    templating: { list: { name: string; type: string }[] };
    panels: { id: number; type: string; datasource?: unknown; targets?: { datasource: unknown }[] }[];
  };
  const text = JSON.stringify(board);
  assert.deepEqual([board.id, board.schemaVersion, board.graphTooltip], [null, 37, 1]);
  assert.match(board.uid, /^rampart-[0-9a-f]{16}$/);
  assert.deepEqual(board.templating.list[0]?.type, 'datasource');
  assert.doesNotMatch(text, /__inputs|DS_PROMETHEUS|\[5s\]/);
  const source = { type: 'prometheus', uid: '${datasource}' };
  for (const panel of board.panels.filter(({ type }) => type !== 'row')) {
    assert.deepEqual(panel.datasource, source);
    for (const target of panel.targets ?? []) assert.deepEqual(target.datasource, source);
  }
  assert.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length);
});
