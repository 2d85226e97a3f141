import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import { root } from '../root.ts';
import type { FleetRun, SeededBug } from './seeded-bugs.ts';

/** The results of tests on one state of the code. */
export interface Finding {
  readonly passed: number;
  /** The tests that failed, and the first line of what the first one said. */
  readonly failed: readonly string[];
  readonly said: string;
}

const TEST_LIMIT_MS = 300_000;
/** Histories that the model of the leases goes through: a rare coincidence may be needed. */
const FLEET_RUNS = '60';

/** A copy of the sources and the tests, in which defects can be put. */
export class CodeCopy {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rampart-bug-'));

  constructor() {
    for (const part of ['src', 'test', 'scripts', 'prisma', 'package.json', 'tsconfig.json'])
      cpSync(join(root, part), join(this.#folder, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'));
  }

  /** Runs tests on the code as it is. */
  run(tests: readonly string[]): Promise<Finding> {
    return outcomeOf(tests.map((test) => resolve(this.#folder, test)));
  }

  /** Runs a fleet on the code as it is: a promise that it breaks is a failed test. */
  async runFleet({ args, finds }: FleetRun): Promise<Finding> {
    const failed = (await brokenBy([join(this.#folder, 'scripts', 'fleet-test.ts'), '--json', ...args])).filter(
      (said) => finds.test(said),
    );
    return {
      passed: failed.length === 0 ? 1 : 0,
      failed: failed.map((said) => `a run of the fleet: ${said}`),
      said: failed[0] ?? '',
    };
  }

  /** Runs the tests of a defect with it in the code. Throws an Error if it cannot be put there any more, because the code has changed. */
  async tryBug({ file, from, to, tests, run: fleetRun }: SeededBug): Promise<Finding> {
    const path = join(this.#folder, file);
    const sound = readFileSync(path, 'utf8');
    const parts = sound.split(from);
    if (parts.length !== 2)
      throw new Error(
        `Cannot put the defect into ${file}, which must have once what it has ${parts.length - 1} times: ${from}`,
      );
    writeFileSync(path, parts.join(to));
    try {
      return fleetRun === undefined ? await this.run(tests) : await this.runFleet(fleetRun);
    } finally {
      writeFileSync(path, sound);
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The promises that a run of the fleet broke. */
async function brokenBy(args: readonly string[]): Promise<string[]> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const code = await new Promise((resolve) => void child.once('close', resolve));
  if (code !== 0 && code !== 1) throw new Error(`The run of the fleet ended with ${String(code)}`);
  return (JSON.parse(text) as { readonly broken: string[] }).broken;
}

async function outcomeOf(files: string[]): Promise<Finding> {
  let passed = 0;
  let said = '';
  const failed: string[] = [];
  const stream = run({ files, concurrency: 1, timeout: TEST_LIMIT_MS, env: { ...process.env, FLEET_RUNS } });
  stream.on('test:pass', ({ details }) => {
    if (details.type !== 'suite') passed++;
  });
  stream.on('test:fail', ({ name, details }) => {
    if (details.type === 'suite') return;
    const { cause, message } = details.error;
    said ||= String(cause instanceof Error ? cause.message : message).split('\n', 1)[0] ?? '';
    failed.push(name);
  });
  for await (const _ of stream);
  return { passed, failed, said };
}
