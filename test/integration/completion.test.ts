import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { experiments } from '../../src/cli/lab.ts';
import { runRampart } from '../support/stack.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-completion-'));
const scriptOf = (shell: string): string => join(folder, `rampart.${shell}`);

/** What a shell offers for a command line whose last word is being typed. */
type Complete = (words: readonly string[]) => string[];

const run = (program: string, args: readonly string[]): string[] =>
  execFileSync(program, args, { encoding: 'utf8', cwd: folder })
    .split('\n')
    .filter((line) => line !== '')
    .sort();
const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');

/** Sets what the shell itself sets for a completion function, and prints what it leaves behind. */
const bash: Complete = (words) =>
  run('/bin/bash', [
    '--norc',
    '-c',
    `source ${scriptOf('bash')}; COMP_WORDS=(rampart ${quoted(words)}); COMP_CWORD=${words.length}; _rampart; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ]);

/** zsh completes in a terminal only: in place of its functions that show a list, these print it. */
const zsh: Complete = (words) =>
  run('/usr/bin/zsh', [
    '-f',
    '-c',
    `compdef() { }; _files() { print files }
     _describe() { local list=$@[-1]; local one; for one in "\${(@P)list}"; do [[ $one == "\${words[CURRENT]}"* ]] && print -r -- "\${one%%:*}"; done; true }
     source ${scriptOf('zsh')}; words=(rampart ${quoted(words)}); CURRENT=${words.length + 1}; _rampart`,
  ]);

const fish: Complete = (words) =>
  run('/usr/bin/fish', [
    '--no-config',
    '-c',
    `source ${scriptOf('fish')}; complete -C "rampart ${words.join(' ')}"`,
  ]).map((line) => line.split('\t')[0] ?? '');

before(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout, stderr } = await runRampart(['completion', shell], {});
    assert.deepEqual([code, stderr], [0, ''], shell);
    writeFileSync(scriptOf(shell), stdout);
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

for (const [name, program, complete] of [
  ['bash', '/bin/bash', bash],
  ['zsh', '/usr/bin/zsh', zsh],
  ['fish', '/usr/bin/fish', fish],
] as const) {
  const options = existsSync(program) ? {} : { skip: `${program} is not installed` };
  describe(`rampart completion ${name}`, options, () => {
    test('offers every command, and every experiment of the lab', () => {
      assert.deepEqual(complete(['']), Object.keys(commands).sort());
      assert.deepEqual(complete(['lab', '']), Object.keys(experiments).sort());
      assert.deepEqual(complete(['sto']), ['stop']);
    });

    test('offers the options of the command, and those of its own commands', () => {
      assert.deepEqual(complete(['stop', '-']), ['--help', '--now']);
      for (const name of ['create', 'limit', 'list', 'revoke']) assert.ok(complete(['keys', '']).includes(name), name);
      const ofLimit = complete(['keys', 'limit', '--']);
      for (const name of ['--burst', '--help', '--none', '--rate']) assert.ok(ofLimit.includes(name), name);
      assert.ok(complete(['keys', 'create', '--']).includes('--name') && !ofLimit.includes('--name'));
      assert.ok(complete(['lab', 'ramp', '--']).includes('--gate'));
      assert.deepEqual(complete(['completion', 'f']), ['fish']);
    });

    test('offers no option in place of the value of one', () => {
      const offered = complete(['lab', 'ramp', '--gate', '']);
      assert.ok(!offered.some((word) => word.startsWith('-') || word in commands), offered.join(' '));
    });
  });
}

test('rampart completion of another shell names the nearest one', async () => {
  const { code, stderr } = await runRampart(['completion', 'fisch'], {});
  assert.equal(code, 2);
  assert.match(stderr, /there is no completion for fisch; did you mean fish\?/);
});
