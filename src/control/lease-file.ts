import { z } from 'zod';
import { loadJson, saveJson } from '../core/json-file.ts';
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
  return savedState.safeParse(loadJson(path)).data ?? { holders: [], leases: {} };
}

/** Throws the system's error. */
export function saveLeases(path: string, state: SavedState): void {
  saveJson(path, state);
}
