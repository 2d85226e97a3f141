import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { check } from '../../../src/cli/check.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-check-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What the command prints for this environment in the folder. */
async function linesOf(env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  let said = '';
  const stdout = { write: (part: string) => (said += part) };
  // A database in the folder that has not been made yet: nothing is asked.
  const all = { RAMPART_DATA_DIR: join(folder, 'data'), ...env };
  assert.equal(await check([], { stdout, stderr: { write: () => true }, env: all, folder }), 0);
  return said.split('\n');
}

const settingOf = (lines: readonly string[], name: string): string =>
  lines
    .find((line) => line.trim().startsWith(`${name} `))
    ?.trim()
    .replace(/ {2,}/, ': ') ?? '';

test('check names the files of the folder that are in force without a variable', async () => {
  const before = await linesOf();
  assert.equal(settingOf(before, 'RAMPART_CONFIG'), 'RAMPART_CONFIG: (not set)');
  assert.equal(settingOf(before, 'RAMPART_SLO'), 'RAMPART_SLO: (not set)');
  writeFileSync(join(folder, 'rampart.config.ts'), 'export default {};\n');
  writeFileSync(join(folder, 'slo.yaml'), 'service: shop\nendpoints:\n  - id: health\n    gate: { p95: 50ms }\n');
  const found = await linesOf();
  assert.equal(
    settingOf(found, 'RAMPART_CONFIG'),
    'RAMPART_CONFIG: (not set: rampart.config.ts of this folder is in force)',
  );
  assert.equal(settingOf(found, 'RAMPART_SLO'), 'RAMPART_SLO: (not set: slo.yaml of this folder is in force)');
  writeFileSync(join(folder, 'other.config.ts'), 'export default {};\n');
  const named = await linesOf({ RAMPART_CONFIG: 'other.config.ts' });
  assert.equal(settingOf(named, 'RAMPART_CONFIG'), 'RAMPART_CONFIG: other.config.ts');
});
