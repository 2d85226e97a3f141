import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The lines of this text in which the rule finds a callback that goes round the guard. */
function found(text: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-lint-'));
  try {
    const config = join(folder, 'oxlintrc.json');
    const jsPlugins = [join(root, 'scripts/lint/guarded-callbacks.ts')];
    writeFileSync(config, JSON.stringify({ jsPlugins, rules: { 'rampart/guarded-callbacks': 'error' } }));
    writeFileSync(join(folder, 'planted.ts'), text);
    const program = join(root, 'node_modules', '.bin', 'oxlint');
    const args = [
      '-c',
      config,
      '-A',
      'all',
      '-D',
      'rampart/guarded-callbacks',
      '-f',
      'json',
      join(folder, 'planted.ts'),
    ];
    const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    const { diagnostics } = JSON.parse(
      stdout === '' ? `{"diagnostics":[{"code":${JSON.stringify(stderr)}}]}` : stdout,
    ) as {
      diagnostics: { code: string; labels: { span: { line: number } }[] }[];
    };
    const lines = text.split('\n');
    return diagnostics.map(({ code, labels }) => {
      assert.equal(code, 'rampart(guarded-callbacks)');
      return (lines[(labels[0]?.span.line ?? 0) - 1] ?? '').trim();
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the lint finds callbacks for Node and undici that go round the guard', () => {
  const planted = [
    "socket.on('data', (chunk) => parse(chunk));",
    "socket.once('close', this.closed);",
    "res.prependListener('finish', finish);",
    'queueMicrotask(() => work());',
    'process.nextTick(work);',
    'setImmediate(async () => work());',
    'createServer({ shouldUpgradeCallback: (req) => judge(req) });',
    'socket.end(() => work());',
    'connect(target, (error, socket) => adapt(socket));',
    'new Readable({ read() { this.push(next()); } });',
    'class Handler { onResponseStart() { work(); } }',
    'class Body extends Readable { _read() { work(); } }',
  ];
  for (const line of planted) assert.deepEqual(found(line), [line], line);
});

test('the lint takes callbacks that are guarded, or that cannot throw', () => {
  const fine = [
    "socket.on('data', bugs.guard('x', (chunk) => parse(chunk), () => socket.destroy()));",
    "socket.on('end', () => this.guard(() => work()));",
    "socket.once('error', reject);",
    "socket.on('error', () => socket.destroy());",
    "socket.on('error', () => {});",
    "const closed = () => { isClosed = true; }; socket.on('close', closed);",
    'class Pump { start() { queueMicrotask(this.run); } run = () => { try { work(); } catch (error) { report(error); } }; }',
    'const guarded = bugs.guard("x", work); setImmediate(guarded);',
    'class Handler { onResponseStart() { this.guard(() => work()); } }',
    'clock.setTimeout(() => work(), 1);',
    "on('GET', '/', route());",
  ];
  assert.deepEqual(found(fine.join('\n')), []);
});
