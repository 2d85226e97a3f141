import type { Fault } from '../fault.ts';
import type { Fleet } from '../fleet.ts';
import type { ValkeyNode } from '../members/valkey-node.ts';
import { aroundLease, pausable } from './pauses.ts';

/** So long each call of the script keeps the server busy; nothing else runs meanwhile. */
const BUSY_MS = 300;
const busyScript = `local till = os.clock() + ${BUSY_MS / 1000} while os.clock() < till do end return 1`;
const primaryPid = ({ valkey }: Fleet): number[] => [valkey.primary.pid];

function slow(): Fault {
  let stop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const keepBusy = async (node: ValkeyNode, { signal }: AbortController): Promise<void> => {
    while (!signal.aborted) await node.ask('EVAL', busyScript, '0');
  };
  return {
    name: 'Valkey busy with a script (300 ms)',
    holdsMs: [1500],
    recoverMs: 1000,
    errors: 'none',
    cutsLedger: true,
    apply: ({ valkey }) => {
      stop = new AbortController();
      running = keepBusy(valkey.primary, stop);
    },
    heal: () => {
      stop.abort();
      return running;
    },
  };
}

/** The primary dies; `loses` writes first if its replica is cut off from it. */
function failover(name: string, losesWrites: boolean): Fault {
  let dead: ValkeyNode | undefined;
  return {
    name,
    holdsMs: [losesWrites ? 1500 : 500],
    recoverMs: 2000,
    errors: 'none',
    cutsLedger: true,
    apply: async ({ valkey, network }) => {
      dead = valkey.primary;
      if (losesWrites) {
        await network.cut(valkey.replica.place, [dead.place.address], 'both');
        await dead.ask('SET', 'nemesis', 'written after the cut');
      }
      await dead.kill();
    },
    heal: async ({ valkey, network }) => {
      if (dead === undefined) return;
      await network.mend(valkey.replica.place);
      await valkey.failedOver(dead);
      await valkey.startReplica(dead);
    },
  };
}

/** The ledger itself. */
export const valkeyFaults: readonly Fault[] = [
  pausable(
    { name: 'Valkey stands still', holdsMs: [500], recoverMs: 1000, errors: 'none', cutsLedger: true },
    primaryPid,
  ),
  slow(),
  failover('primary killed', false),
  failover('primary killed after its replica was cut off', true),
  {
    name: 'FLUSHALL',
    holdsMs: [500],
    recoverMs: 1500,
    errors: 'none',
    cutsLedger: true,
    apply: async ({ valkey }) => void (await valkey.primary.ask('FLUSHALL')),
    heal: () => {},
  },
  {
    name: 'Valkey restarted without its data',
    holdsMs: [200],
    recoverMs: 2000,
    errors: 'none',
    cutsLedger: true,
    apply: ({ valkey }) => valkey.primary.kill(),
    heal: async ({ valkey }) => {
      valkey.primary.forget();
      await valkey.primary.start({ isPersistent: false, needsReplica: true });
      await valkey.replicated();
    },
  },
  {
    // Both keep standing still until they go on: the sentinel finds nobody to promote.
    ...pausable(
      { name: 'Valkey away', holdsMs: [5000], recoverMs: 2000, errors: 'none', cutsLedger: true },
      ({ valkey }) => [valkey.primary.pid, valkey.replica.pid],
    ),
    isLong: true,
  },
  pausable(
    { name: 'Valkey stands still for about a lease', ...aroundLease, errors: 'none', cutsLedger: true },
    ({ valkey }) => [valkey.primary.pid, valkey.replica.pid, valkey.sentinel.pid],
  ),
];
