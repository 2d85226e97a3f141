import type { Fault } from '../fault.ts';
import type { Fleet } from '../fleet.ts';
import { signalAll } from '../members/signals.ts';
import { aroundDeath, pausable } from './pauses.ts';

const addressesOf = (fleet: Fleet, member: 'postgres' | 'cache'): string[] => [fleet.shared[member].place.address];
const everyPid = ({ shared }: Fleet): number[] => shared.postgres.pids;

const shared = { errors: 'none', needsShared: true } as const;

/** Packets between a host and a server that all hosts share are lost in silence. */
function cutFrom(member: 'postgres' | 'cache', name: string): Omit<Fault, 'holdsMs' | 'recoverMs'> {
  return {
    ...shared,
    name,
    apply: (fleet, host) => fleet.network.cut(fleet.hostAt(host).place, addressesOf(fleet, member), 'both'),
    heal: (fleet, host) => fleet.network.mend(fleet.hostAt(host).place),
  };
}

const batchWorkerOf = (fleet: Fleet, host: number): number[] => fleet.hostAt(host).pidsOf('batch').slice(0, 1);

/** What only bulk work and stored replies notice: the database, the shared cache, and the workers of batches. No call of another client may fail. */
export const dataFaults: readonly Fault[] = [
  pausable({ ...shared, name: 'PostgreSQL stands still', holdsMs: [500, 3000], recoverMs: 1500 }, everyPid),
  pausable({ ...shared, name: 'PostgreSQL stands still until workers count as dead', ...aroundDeath }, everyPid),
  {
    ...shared,
    name: 'PostgreSQL killed',
    holdsMs: [500, 2000],
    recoverMs: 2000,
    apply: (fleet) => fleet.shared.postgres.kill(),
    heal: (fleet) => fleet.shared.postgres.start(),
  },
  {
    ...shared,
    name: 'connections of a host to PostgreSQL ended',
    holdsMs: [100],
    recoverMs: 1500,
    apply: (fleet, host) => fleet.shared.postgres.disconnect(fleet.hostAt(host).place.address),
    heal: () => {},
  },
  { ...cutFrom('postgres', 'host cut off from PostgreSQL'), holdsMs: [2000], recoverMs: 2000 },
  { ...cutFrom('postgres', 'host cut off from PostgreSQL until its workers count as dead'), ...aroundDeath },
  pausable({ ...shared, name: 'batch worker stands still', holdsMs: [500], recoverMs: 1000 }, batchWorkerOf),
  pausable({ ...shared, name: 'batch worker stands still until it counts as dead', ...aroundDeath }, batchWorkerOf),
  {
    ...shared,
    name: 'batch worker killed',
    holdsMs: [500],
    recoverMs: 1500,
    apply: (fleet, host) => signalAll(batchWorkerOf(fleet, host), 'SIGKILL'),
    heal: () => {},
  },
  pausable({ ...shared, name: 'shared cache stands still', holdsMs: [1500], recoverMs: 1000 }, (fleet) => [
    fleet.shared.cache.pid,
  ]),
  {
    ...shared,
    name: 'shared cache killed',
    holdsMs: [500],
    recoverMs: 1500,
    apply: (fleet) => fleet.shared.cache.kill(),
    heal: (fleet) => fleet.shared.startCache(),
  },
  {
    ...shared,
    name: 'shared cache emptied',
    holdsMs: [100],
    recoverMs: 1000,
    apply: async (fleet) => void (await fleet.shared.cache.ask('FLUSHALL')),
    heal: () => {},
  },
  { ...cutFrom('cache', 'host cut off from the shared cache'), holdsMs: [1500], recoverMs: 1000 },
];
