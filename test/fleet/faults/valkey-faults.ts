import type { Fault } from '../fault.ts';
import type { Fleet } from '../fleet.ts';
import type { ValkeyNode } from '../members/valkey-node.ts';
import { machineNowMs } from '../../../src/core/machine-time.ts';
import type { Place } from '../network.ts';
import { signalAll } from '../members/signals.ts';
import { aroundLease, LEARNING_MS, pausable } from './pauses.ts';

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

function primaryKilled(): Fault {
  let dead: ValkeyNode | undefined;
  return {
    name: 'primary killed',
    holdsMs: [500],
    recoverMs: 2000,
    settlesMs: LEARNING_MS,
    errors: 'none',
    cutsLedger: true,
    apply: async ({ valkey }) => {
      dead = valkey.primary;
      await dead.kill();
    },
    heal: async ({ valkey }) => {
      if (dead === undefined) return;
      await valkey.failedOver(dead);
      await valkey.startReplica(dead);
    },
  };
}

/** The same, but what the primary wrote at last never reached the replica that takes its place. */
function writesLost(): Fault {
  const plain = primaryKilled();
  const key = 'nemesis';
  let written = '';
  let cutOff: Place | undefined;
  return {
    ...plain,
    name: 'primary killed after its replica was cut off',
    holdsMs: [1500],
    apply: async (fleet, host) => {
      const { primary, replica } = fleet.valkey;
      cutOff = replica.place;
      await fleet.network.cut(cutOff, [primary.place.address], 'both');
      written = `written at ${machineNowMs()}`;
      const reply = await primary.ask('SET', key, written);
      if (!reply.startsWith('+OK')) throw new Error(`The primary refused a write right after the cut: ${reply}`);
      await plain.apply(fleet, host);
    },
    heal: async (fleet, host) => {
      if (cutOff !== undefined) await fleet.network.mend(cutOff);
      await plain.heal(fleet, host);
      const found = await fleet.valkey.primary.ask('GET', key);
      if (found.includes(written))
        throw new Error('The write after the cut was not lost: this was no test of lost writes');
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
  primaryKilled(),
  writesLost(),
  {
    name: 'FLUSHALL',
    settlesMs: LEARNING_MS,
    holdsMs: [500],
    recoverMs: 1500,
    errors: 'none',
    cutsLedger: true,
    apply: async ({ valkey }) => void (await valkey.primary.ask('FLUSHALL')),
    heal: () => {},
  },
  {
    name: 'Valkey restarted without its data',
    settlesMs: LEARNING_MS,
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
    settlesMs: LEARNING_MS,
  },
  {
    // It was not stopped in order, so its floor is in its file.
    name: 'host killed and started while Valkey is away',
    holdsMs: [500],
    recoverMs: 2000,
    settlesMs: LEARNING_MS,
    isLong: true,
    // Where a start takes longer than leases last, the other hosts fall to their floors meanwhile.
    errors: 'all',
    apply: async (fleet, host) => {
      await fleet.hostAt(host).keepsFloor();
      signalAll([fleet.valkey.primary.pid, fleet.valkey.replica.pid], 'SIGSTOP');
      fleet.hostAt(host).kill();
      await fleet.hostAt(host).start();
    },
    heal: ({ valkey }) => signalAll([valkey.primary.pid, valkey.replica.pid], 'SIGCONT'),
  },
  pausable(
    { name: 'Valkey stands still for about a lease', ...aroundLease, errors: 'none', cutsLedger: true },
    ({ valkey }) => [valkey.primary.pid, valkey.replica.pid, valkey.sentinel.pid],
  ),
];
