import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands } from '../../../src/cli/commands.ts';
import type { CommandIo } from '../../../src/cli/io.ts';
import { experiments } from '../../../src/cli/lab.ts';
import { UsageError } from '../../../src/core/errors.ts';

/** Input and output of a command that may print and must not begin with anything else. */
function printingOnly(): { io: CommandIo; printed: () => string } {
  let text = '';
  const stdout = { write: (part: string) => (text += part) };
  const io: CommandIo = {
    stdout,
    stderr: stdout,
    get env(): never {
      throw new Error('the command has read the environment');
    },
    get folder(): never {
      throw new Error('the command has asked for its folder');
    },
  };
  return { io, printed: () => text };
}

const all = [
  ...Object.entries(commands).map(([name, { load }]) => ({ name, load })),
  ...Object.entries(experiments).map(([name, { load }]) => ({ name: `lab ${name}`, load })),
];

for (const { name, load } of all) {
  test(`rampart ${name} helps, and refuses an option that it does not have before it does anything`, async () => {
    const command = await load();
    for (const asking of ['--help', '-h']) {
      const { io, printed } = printingOnly();
      assert.equal(await command([asking], io), 0);
      assert.match(printed(), new RegExp(`^usage: rampart ${name}\\b`));
    }
    await assert.rejects(command(['--nonsense'], printingOnly().io), UsageError);
  });
}
