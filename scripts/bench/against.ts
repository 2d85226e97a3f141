// npm run bench:against -- REVISION: processor time per request of another revision and of what is here, in turns. What
// each change cost or saved, on any machine: absolute times drift, and two runs one after the other say little.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../root.ts';
import { measure, requestFor, summary, warmUpRequests } from './proxy.ts';
import { startBackend, startNode, type Subject } from './subjects.ts';

const FIRST_PORT = 18_860;
const ROUNDS = 9;
const REQUESTS = 15_000;

const fresh = (index: number): string => requestFor(`/bench?n=${index}-${process.hrtime.bigint()}`);
const paths = [
  { name: '+ key', steps: ['key'] },
  { name: '+ rate limit', steps: ['key', 'limit'] },
  { name: '+ cache, a miss: the full path', steps: ['key', 'limit', 'cache', 'tiny'], request: fresh },
  { name: '+ the reply is kept', steps: ['key', 'limit', 'cache'], request: fresh },
] as const;

/** The revision as files, with the packages and the database client of what is here. */
function checkOut(revision: string): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'rampart-bench-')), 'tree');
  execFileSync('git', ['worktree', 'add', '--quiet', '--detach', folder, revision], { cwd: root });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  cpSync(join(root, 'src/store/generated'), join(folder, 'src/store/generated'), { recursive: true });
  return folder;
}

function remove(folder: string): void {
  execFileSync('git', ['worktree', 'remove', '--force', folder], { cwd: root });
  rmSync(join(folder, '..'), { recursive: true, force: true });
}

async function compare(
  trees: readonly string[],
  { steps, request }: (typeof paths)[number] & { request?: typeof fresh },
) {
  const subjects: Subject[] = [];
  try {
    for (const tree of trees) {
      const entry = join(tree, 'scripts/bench/subjects/rampart.ts');
      // On ports of its own: those of the step before may still be about to end.
      subjects.push(await startNode('', entry, nextPort++, FIRST_PORT, ...steps));
    }
    for (const subject of subjects) await measure(subject, warmUpRequests, request);
    const samples = subjects.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      // The one that goes first may find the processors in another state.
      const order = round % 2 === 0 ? [0, 1] : [1, 0];
      for (const index of order) samples[index]?.push(await measure(subjects[index] as Subject, REQUESTS, request));
    }
    return samples.map((values) => summary('', values));
  } finally {
    for (const subject of subjects) subject.stop();
  }
}

let nextPort = FIRST_PORT + 1;
const [revision] = process.argv.slice(2);
if (revision === undefined) {
  console.error('usage: npm run bench:against -- REVISION');
  process.exit(2);
}
const other = checkOut(revision);
const backend = await startBackend(FIRST_PORT);
try {
  console.log(`µs of processor time per request: median (least) of ${ROUNDS} rounds in turns\n`);
  console.log(`${'step'.padEnd(34)}${revision.padStart(18)}${'here'.padStart(18)}`);
  for (const path of paths) {
    const figures = (await compare([other, root], path)).map(
      ({ microseconds, least }) => `${microseconds.toFixed(1)} (${least.toFixed(1)})`,
    );
    console.log(`${path.name.padEnd(34)}${figures.map((each) => each.padStart(18)).join('')}`);
  }
} finally {
  backend.stop();
  remove(other);
}
