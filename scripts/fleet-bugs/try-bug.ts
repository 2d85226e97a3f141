import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import { root } from '../root.ts';
import type { SeededBug } from './seeded-bugs.ts';

/** What the tests said of one state of the code. */
export interface Finding {
  readonly passed: number;
  /** The tests that failed, and the first line of what the first one said. */
  readonly failed: readonly string[];
  readonly said: string;
}

const TEST_LIMIT_MS = 300_000;
/** Histories that the model of the leases goes through: a rare coincidence may be needed. */
const FLEET_RUNS = '60';

/** Copies the sources and the tests, puts the defect into the copy, and runs its tests there. Without a bug: the same on code as it is. */
export async function tryBug(bug: Pick<SeededBug, 'tests'> & Partial<SeededBug>): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bug-'));
  try {
    for (const part of ['src', 'test', 'prisma', 'package.json', 'tsconfig.json'])
      cpSync(join(root, part), join(folder, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    if (bug.file !== undefined) plant(join(folder, bug.file), bug as SeededBug);
    return await outcomeOf(bug.tests.map((test) => resolve(folder, test)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Throws an Error if the code has changed, so that the defect cannot be put there any more. */
export function planted(text: string, { file, from, to }: Pick<SeededBug, 'file' | 'from' | 'to'>): string {
  const parts = text.split(from);
  if (parts.length !== 2)
    throw new Error(
      `Cannot put the defect into ${file}, which must have once what it has ${parts.length - 1} times: ${from}`,
    );
  return parts.join(to);
}

function plant(path: string, bug: SeededBug): void {
  writeFileSync(path, planted(readFileSync(path, 'utf8'), bug));
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
