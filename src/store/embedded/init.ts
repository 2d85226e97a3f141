import { spawn } from 'node:child_process';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { complete, draftIn, removeOldDrafts } from './drafts.ts';
import type { Placement } from './placement.ts';
import { DATABASE_USER } from './postmaster.ts';

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

function runInitdb(program: string, folder: string, place: Placement): Promise<Ended> {
  const args = [
    ['--pgdata', folder],
    ['--username', DATABASE_USER],
    ['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
    // Only who can enter the socket's folder, of mode 0700, can connect at all.
    ['--auth-local', 'trust', '--auth-host', 'reject'],
  ].flat();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...place.account,
      cwd: '/',
      env: { LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    child.on('error', reject).on('close', (code) => resolve({ code, stderr }));
  });
}

async function refuseOtherMajor(place: Placement, major: string): Promise<void> {
  const found = (await readFile(join(place.data, 'PG_VERSION'), 'utf8')).trim();
  if (found === major) return;
  throw new UsageError(
    `Cannot start the embedded PostgreSQL ${major} on ${place.data}, which PostgreSQL ${found} has written. Start PostgreSQL ${found} on it once more (with the Rampart before this one, or postgresql-${found} of your system), write it out with pg_dump, and read that into a new RAMPART_DATA_DIR with pg_restore: docs/records.md, "Another version of PostgreSQL"`,
  );
}

/** Makes the database's files once. They appear under their name when complete, so a start that is killed here leaves nothing to trip over. */
export async function initialise(place: Placement, native: string, major: string): Promise<void> {
  await removeOldDrafts(place.folder);
  if ((await readdir(place.folder)).includes('data')) return refuseOtherMajor(place, major);
  const draft = draftIn(place.folder);
  const { code, stderr } = await runInitdb(join(native, 'bin', 'initdb'), draft, place);
  if (code !== 0) {
    await rm(draft, { recursive: true, force: true });
    const why =
      stderr
        .trim()
        .split('\n')
        .find((line) => line.includes('error:') || line.includes('FATAL')) ?? stderr.trim();
    throw new UsageError(
      `Cannot make the embedded database in ${place.folder}: ${why.replace(/^.*(FATAL|error): */, '')}. Free what it lacks, or set RAMPART_DATA_DIR to another folder, or DATABASE_URL to a PostgreSQL that is already there`,
    );
  }
  await complete(draft, place.data);
}
