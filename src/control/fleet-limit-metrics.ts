import type { Counter, Registry } from '../metrics/instruments.ts';

interface FleetLimitState {
  readonly isOpen: boolean;
  readonly hosts: number;
}

/** The counters of limits over a fleet. */
export interface FleetLimitMetrics {
  /** Asks of Valkey, one for each subject and round trip: its operations. */
  readonly asks: Counter;
  readonly failures: Counter;
  readonly drawn: Counter;
  readonly returned: Counter;
  readonly byShare: Counter;
  onSnapshot(state: () => FleetLimitState): void;
}

export function openFleetLimitMetrics(registry: Registry): FleetLimitMetrics {
  const asks = registry.counter(
    'rampart_fleet_limit_asks_total',
    'Subjects of rate limits that Valkey was asked about',
  );
  const failures = registry.counter(
    'rampart_fleet_limit_failed_asks_total',
    'Of these, those without an answer in time',
  );
  const tokens = registry.counter(
    'rampart_fleet_limit_tokens_total',
    "Tokens that control has drawn from Valkey, returned to it, and given by the host's share without it",
    'source',
  );
  const open = registry.gauge(
    'rampart_fleet_limit_breaker_open',
    '1 while Valkey is only probed, as it has failed',
    'max',
  );
  const hosts = registry.gauge('rampart_fleet_limit_hosts', 'Hosts that share the limits', 'max');
  return {
    asks: asks.of(),
    failures: failures.of(),
    drawn: tokens.of('drawn'),
    returned: tokens.of('returned'),
    byShare: tokens.of('share'),
    onSnapshot: (state) =>
      registry.onSnapshot(() => {
        const { isOpen, hosts: count } = state();
        open.of().value = isOpen ? 1 : 0;
        hosts.of().value = count;
      }),
  };
}

/** For `/api/status`. */
export const shownCounts = ({ asks, failures, drawn, byShare }: FleetLimitMetrics): Record<string, number> => ({
  asks: asks.value,
  failed_asks: failures.value,
  tokens_drawn: drawn.value,
  tokens_by_share: byShare.value,
});
