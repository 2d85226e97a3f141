import type { Config } from '../../config/model.ts';
import type { HostSignals } from '../../policy/verdict/signals.ts';
import type { ChainLink, HostNumbers } from '../../protocol/live-view.ts';

/** How far each link of the way from the client to the database is used, for the upstream that is used most. */
export function chainOf(
  { upstreams, machine, database }: HostSignals,
  numbers: HostNumbers,
  config: Config,
): ChainLink[] {
  const busiest = upstreams.toSorted((left, right) => useOf(right) - useOf(left))[0];
  const capacity = config.upstreams.find(({ name }) => name === busiest?.name)?.queueCapacity ?? 0;
  const serving = busiest?.backends.filter(({ isUp }) => isUp !== false) ?? [];
  const all = busiest?.backends.length ?? 0;
  return [
    { name: 'clients', use: null, text: `${numbers.inFlight} requests open` },
    {
      name: 'queue',
      use: busiest === undefined || capacity === 0 ? null : round(busiest.queued / capacity),
      text: busiest === undefined ? 'none' : `${busiest.queued} waiting for ${busiest.name}`,
    },
    {
      name: 'permits',
      use: busiest === undefined || busiest.permits === 0 ? null : round(useOf(busiest)),
      text: busiest === undefined ? 'none' : `${Math.round(busiest.inFlight)} of ${busiest.permits} in use`,
    },
    {
      name: 'backends',
      use: all === 0 ? null : round(1 - serving.length / all),
      text: all === 0 ? 'none' : `${serving.length} of ${all} up`,
    },
    {
      name: 'processors',
      use: machine.busyShare === undefined ? null : round(machine.busyShare),
      text:
        machine.busyShare === undefined
          ? 'not known'
          : `${Math.round(machine.busyShare * 100)} % of ${machine.processors} busy`,
    },
    {
      name: 'database',
      use: database === undefined ? null : database.problem === undefined ? round(database.poolShare ?? 0) : 1,
      text: databaseText(database),
    },
  ];
}

const useOf = ({ inFlight, permits }: { readonly inFlight: number; readonly permits: number }): number =>
  permits === 0 ? 0 : inFlight / permits;

const round = (use: number): number => Math.round(use * 100) / 100;

function databaseText(database: HostSignals['database']): string {
  if (database === undefined) return 'not used';
  if (database.problem !== undefined) return 'away';
  return database.waiting > 0 ? `${database.waiting} calls wait` : 'answers';
}
