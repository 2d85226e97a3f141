import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { loadJson, saveJson } from '../../core/json-file.ts';
import type { SavedFleetLease } from '../../policy/fleet/fleet-lease.ts';

const count = z.int().min(0);
const fileSchema = z.object({
  host: z.string(),
  /** The machine's boot id, because its monotonic clock starts anew at each boot. */
  boot: z.string(),
  lease: z.object({
    incarnation: count,
    endsAt: z.number().nullable(),
    answeredAt: z.number().nullable(),
    backends: z.record(z.string(), z.object({ ceiling: count, floor: count, sureFloor: count })),
  }),
});

/** The lease as the last control of this host knew it; undefined after a boot, which no request has survived. */
export function loadFleetLease(path: string, host: string): SavedFleetLease | undefined {
  const file = fileSchema.safeParse(loadJson(path)).data;
  if (file === undefined || file.host !== host || file.boot !== bootId()) return undefined;
  const { endsAt, answeredAt, ...others } = file.lease;
  const never = Number.NEGATIVE_INFINITY;
  return { ...others, endsAt: endsAt ?? never, answeredAt: answeredAt ?? never };
}

/** Throws the system's error. */
export function saveFleetLease(path: string, host: string, lease: SavedFleetLease): void {
  saveJson(path, { host, boot: bootId(), lease });
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    // Elsewhere than on Linux a restart of the machine cannot be told from one of control.
    return '';
  }
}
