import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { init } from '../../src/cli/init.ts';
import { initialFile } from '../../src/cli/initial-file.ts';
import { loadConfig } from '../../src/config/config.ts';
import type { UsageError } from '../../src/core/errors.ts';
import { rampartEntry, runRampart } from '../support/stack.ts';

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-init-'));
  folders.push(folder);
  return folder;
}

async function runInit(folder: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  let text = '';
  const stream = { write: (part: string) => (text += part) };
  assert.equal(await init(args, { stdout: stream, stderr: stream, env, folder }), 0);
  return text;
}

const SETTING = /^(\s*)\/\/ (\w+: .*,|'.*',)$/;

describe('rampart init', () => {
  test('writes a configuration that is valid, and says the next step', async () => {
    const folder = newFolder();
    const said = await runInit(folder, ['4321']);
    assert.match(said, /^Wrote .*\/rampart\.config\.ts for the application at http:\/\/127\.0\.0\.1:4321\.\n/);
    assert.match(said, /rampart start/);
    const { upstreams, routes } = await loadConfig({ GENERATOR_INSTANCES: '0' }, folder);
    assert.equal(upstreams[0]?.backends[0]?.origin, 'http://127.0.0.1:4321');
    assert.equal(routes[0]?.authenticate, false);
  });

  test('each setting that is commented out is valid without its //, and all of them together are', async () => {
    const lines = initialFile(3000).split('\n');
    const settings = lines.flatMap((line, index) => (SETTING.test(line) ? [index] : []));
    assert.ok(settings.length > 10);
    const folder = newFolder();
    const without = async (chosen: readonly number[], name: string): Promise<void> => {
      const text = lines
        .map((line, index) => (chosen.includes(index) ? line.replace(SETTING, '$1$2') : line))
        .join('\n');
      writeFileSync(join(folder, name), text);
      await loadConfig({ RAMPART_CONFIG: name, GENERATOR_INSTANCES: '0' }, folder);
    };
    for (const index of settings) await without([index], `only-${index}.ts`);
    await without(settings, 'all.ts');
  });

  test('every comment is a sentence or such a setting', () => {
    for (const line of initialFile(3000)
      .split('\n')
      .filter((each) => /^\s*\/\//.test(each)))
      assert.ok(
        SETTING.test(line) ||
          /^\s*\/\/ [A-Z/'].*[.,]$/.test(line) ||
          /in front of|reload/.test(line) ||
          /^\s*\/\/ false/.test(line),
        line,
      );
  });

  test('leaves a file alone that is there, and names it', async () => {
    const folder = newFolder();
    await runInit(folder, []);
    const before = readFileSync(join(folder, 'rampart.config.ts'), 'utf8');
    await assert.rejects(
      runInit(folder, ['5000']),
      (error: UsageError) =>
        error.message ===
        `Cannot write ${join(folder, 'rampart.config.ts')}, as there is one already. Change that one, or move it away first`,
    );
    assert.equal(readFileSync(join(folder, 'rampart.config.ts'), 'utf8'), before);
    await runInit(folder, [], { RAMPART_CONFIG: 'other.ts' });
    assert.match(readFileSync(join(folder, 'other.ts'), 'utf8'), /:3000'/);
  });

  test('refuses what is no port, and the port of Rampart itself', async () => {
    const folder = newFolder();
    for (const [args, env, problem] of [
      [['0'], {}, /whole number from 1 to 65535: got '0'/],
      [['65536'], {}, /got '65536'/],
      [['three'], {}, /got 'three'/],
      [['8080'], {}, /another port than Rampart itself, which has 8080/],
      [['3000'], { PORT: '3000' }, /which has 3000/],
      [['1', '2'], {}, /takes the port of an application.*: got '1 2'/],
    ] as const)
      await assert.rejects(runInit(folder, [...args], env), (error: UsageError) =>
        problem.test(error.problems.join('\n')),
      );
  });

  test('says why a folder cannot be written', async () => {
    await assert.rejects(runInit('/proc/self', []), (error: UsageError) =>
      /^Cannot write the configuration: .*\/proc\/self\//.test(error.message),
    );
  });
});

test('a command or an option of rampart itself that does not exist: the nearest one is named', async () => {
  for (const [word, expected] of [
    ['relaod', "there is no command 'relaod'; did you mean reload?"],
    ['--hlep', "there is no option '--hlep'; did you mean --help?"],
    ['complet', "there is no command 'complet'; did you mean completion?"],
  ] as const) {
    const child = spawn(process.execPath, [rampartEntry, word], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise((resolve) => void child.on('close', resolve));
    assert.deepEqual([code, said.split('\n')[0]], [2, `rampart: ${expected}`]);
  }
});

test('rampart help COMMAND prints what the command prints for --help', async () => {
  const [help, asked] = [
    await runRampart(['help', 'lab', 'ramp'], {}),
    await runRampart(['lab', 'ramp', '--help'], {}),
  ];
  assert.deepEqual(help, asked);
  assert.match(help.stdout, /^usage: rampart lab ramp/);
});
