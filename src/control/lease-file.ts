import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { NamedBound } from './upstream-leases.ts';

/** A worker that holds leases, with the name of its process. */
export interface Holder {
  readonly member: string;
  /** Unique among all processes; empty if control cannot look at the process. */
  readonly processName: string;
}

export interface SavedState {
  readonly holders: readonly Holder[];
  readonly leases: Readonly<Record<string, readonly NamedBound[]>>;
}

const permitCounts = z.record(z.string(), z.number().min(0));
const savedState = z.object({
  holders: z.array(z.object({ member: z.string(), processName: z.string() })),
  leases: z.record(z.string(), z.array(z.object({ member: z.string(), bound: permitCounts }))),
});

/** A file that cannot be read, or has another shape, is ignored: leases then begin with the reports of the workers. */
export function loadLeases(path: string): SavedState {
  const nothing: SavedState = { holders: [], leases: {} };
  try {
    return savedState.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data ?? nothing;
  } catch {
    return nothing;
  }
}

/** Throws the system's error. */
export function saveLeases(path: string, state: SavedState): void {
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
