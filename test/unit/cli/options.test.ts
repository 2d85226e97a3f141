import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CommandLine } from '../../../src/cli/command-line.ts';
import { type Options, readOptions } from '../../../src/cli/options.ts';
import { UsageError } from '../../../src/core/errors.ts';

const line: CommandLine = {
  command: 'brew',
  help: 'usage: rampart brew\n',
  options: { cups: 'value', strength: 'value', kinds: 'value', milk: 'flag' },
};

function read(args: string[], more: Partial<CommandLine> = {}): { options: Options | undefined; printed: string } {
  let printed = '';
  const stdout = { write: (text: string) => (printed += text) };
  const options = readOptions({ ...line, ...more }, args, { stdout, stderr: stdout, env: {}, folder: '/' });
  return { options, printed };
}

function given(...args: string[]): Options {
  const { options } = read(args);
  assert.ok(options !== undefined);
  return options;
}

/** The problems that a reader of the options throws. */
function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof UsageError);
    assert.equal(error.message, 'Cannot run rampart brew; rampart brew --help lists its options:');
    return error.problems;
  }
  return assert.fail('was accepted');
}

describe('readOptions', () => {
  test('reads values, flags and defaults', () => {
    const options = given('--cups', '3', '--strength=0.5', '--milk');
    assert.equal(options.whole('cups', 1, 1, 9), 3);
    assert.equal(options.number('strength', 1, 0, 1), 0.5);
    assert.equal(options.flag('milk'), true);
    assert.equal(options.has('kinds'), false);
    assert.equal(options.text('kinds'), undefined);
    assert.deepEqual(options.listOf('kinds', ['moka'], ['moka', 'press']), ['moka']);
    options.check();
  });

  test('takes the last of an option that is repeated, and a value that begins with a hyphen only behind =', () => {
    assert.equal(given('--cups', '3', '--cups', '4').text('cups'), '4');
    assert.equal(given('--cups=-3').text('cups'), '-3');
  });

  test('prints the help wherever it is asked for, whatever else is wrong', () => {
    for (const args of [['--help'], ['-h'], ['--nonsense', '--cups', '3', '--help']]) {
      assert.deepEqual(read(args), { options: undefined, printed: line.help });
    }
  });

  test('names the nearest option, and every wrong word at once', () => {
    assert.deepEqual(
      problemsOf(() => given('--cup', '3', '--zzzzzz', '--milk=yes', '--strength', '--cups')),
      [
        'there is no option --cup; did you mean --cups?',
        'there is no option --zzzzzz',
        "--milk takes no value: got 'yes'",
        '--strength needs a value, as in --strength X (--strength=-X for one that begins with a hyphen)',
        "rampart brew takes no argument beside its options: got '3'",
      ],
    );
    assert.deepEqual(
      problemsOf(() => given('-x')),
      ['there is no option -x'],
    );
  });

  test('says that a setting is an environment variable where it is given as an option', () => {
    assert.deepEqual(
      problemsOf(() => given('--port', '80', '--log-level=info')),
      [
        'there is no option --port; the environment variable PORT sets that',
        'there is no option --log-level; the environment variable LOG_LEVEL sets that',
        "rampart brew takes no argument beside its options: got '80'",
      ],
    );
  });

  test('says what a wrong value was and what would work, every one at once', () => {
    const options = given('--cups', '2.5', '--strength', '7', '--kinds', 'moka,pres');
    options.whole('cups', 1, 1, 9);
    options.number('strength', 1, 0, 1);
    assert.deepEqual(options.listOf('kinds', [], ['moka', 'press']), ['moka']);
    options.problem('the milk is off');
    assert.deepEqual(
      problemsOf(() => options.check()),
      [
        "--cups must be a whole number from 1 to 9: got '2.5'",
        "--strength must be a number from 0 to 1: got '7'",
        "--kinds must be one of moka, press: got 'pres'; did you mean press?",
        'the milk is off',
      ],
    );
  });

  test('takes as many operands as the command does', () => {
    const operands = { least: 1, most: 2, what: 'one bean or two' };
    assert.deepEqual(read(['a', '--milk', 'b'], { operands }).options?.operands, ['a', 'b']);
    assert.deepEqual(
      problemsOf(() => read([], { operands })),
      ["rampart brew takes one bean or two: got ''"],
    );
    assert.deepEqual(
      problemsOf(() => read(['a', 'b', 'c'], { operands })),
      ["rampart brew takes one bean or two: got 'a b c'"],
    );
  });
});
