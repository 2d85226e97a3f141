import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const setup = fileURLToPath(new URL('../../../scripts/setup.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rampart-modules-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Has the set-up compile the modules that this code loads, in a process of its own, as `console.error` is to be seen. */
function compile(code: string, node = process.execPath): { status: number | null; stderr: string } {
  const script = join(folder, 'compile.mjs');
  writeFileSync(script, code);
  const args = [script, node].map((arg) => JSON.stringify(arg)).join(', ');
  const run = `const { compileModules } = await import(${JSON.stringify(setup)}); compileModules(${args});`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', run], { encoding: 'utf8', timeout: 20_000 });
}

test('the set-up goes on where a source cannot be compiled, and says so', () => {
  const { status, stderr } = compile('const = ;');
  assert.equal(status, 0);
  assert.match(stderr, /SyntaxError/);
  assert.match(stderr, /^rampart: Cannot compile the modules: .* ended with 1\. Processes start more slowly/m);
});

test('the set-up goes on where the compiling process is killed, or cannot be started', () => {
  const killed = compile('process.kill(process.pid, "SIGKILL");');
  assert.equal(killed.status, 0);
  assert.match(killed.stderr, /^rampart: Cannot compile the modules: .* ended with SIGKILL\./m);
  const missing = compile('', join(folder, 'no-node'));
  assert.equal(missing.status, 0);
  assert.match(missing.stderr, /^rampart: Cannot compile the modules, as .*no-node does not start: /m);
});

test('the set-up says nothing where the modules compile', () => {
  const { status, stderr } = compile('export const compiled = true;');
  assert.deepEqual([status, stderr], [0, '']);
});
