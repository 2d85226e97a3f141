import type { Finding } from './finding.ts';
import { amount } from './phrases.ts';
import type { HostSignals } from './signals.ts';

/** What keeps this host from the others of its fleet. */
export const fleetFindings = (host: HostSignals): Finding[] => [
  ...leaseFindings(host),
  ...newsFindings(host),
  ...sharedCacheFindings(host),
];

/** A host that may not use what it could of the backends that it shares with other hosts. */
function leaseFindings({ fleet }: HostSignals): Finding[] {
  if (fleet === undefined || fleet.state === 'leased') return [];
  const { host, state, problem, permits } = fleet;
  if (state === 'learning' && permits > 0) return [];
  const left = permits === 0 ? 'no permit' : amount(permits, 'permit');
  const reason = {
    learning: 'the Valkey of the fleet is new or has lost its data',
    superseded: `another process runs under the name ${host}`,
    apart: `its lease has ended${problem === undefined ? '' : ` (${problem})`}`,
    new: `it has had no lease yet${problem === undefined ? '' : ` (${problem})`}`,
  }[state];
  return [
    {
      state: 'degraded',
      causeId: 'fleet-apart',
      subject: '',
      cause: `this host has ${left} of the backends that it shares with other hosts: ${reason}`,
      next:
        state === 'superseded'
          ? 'give one of the two hosts a data folder of its own: the file host-id in it has the name'
          : 'bring Valkey back; permits return within seconds, after a loss of its data within half a minute',
    },
  ];
}

/** A host that does not hear what the others tell. */
function newsFindings({ fleetNews }: HostSignals): Finding[] {
  if (fleetNews?.isApart !== true) return [];
  const { problem = 'Valkey has not answered yet' } = fleetNews;
  return [
    {
      state: 'degraded',
      causeId: 'fleet-news-apart',
      subject: '',
      cause: `this host hears no news of the other hosts (${problem}): purges, revoked keys and the configuration of the fleet do not reach it`,
      next: 'bring Valkey back, or the way to it; the host then carries out by itself what it has missed',
    },
  ];
}

function sharedCacheFindings({ sharedCache }: HostSignals): Finding[] {
  if (sharedCache?.problem === undefined) return [];
  return [
    {
      state: 'degraded',
      causeId: 'shared-cache-away',
      subject: '',
      cause: `the shared cache does not answer (${sharedCache.problem}): requests go on without it, and backends are asked more often`,
      next: 'bring the Valkey of VALKEY_CACHE_URL back; nothing has to be restarted here',
    },
  ];
}
