import { openFleetLimitMetrics } from '../../../src/control/fleet-limit-metrics.ts';
import { FleetTokens } from '../../../src/control/fleet-tokens.ts';
import { type FleetAsk, FleetBank, type FleetGrant } from '../../../src/policy/rate/fleet-bank.ts';
import type { RateLimit, TokenAsk, TokenGrant } from '../../../src/protocol/tokens.ts';
import type { FleetTokenStore } from '../../../src/store/valkey/valkey-tokens.ts';
import { ValkeyUnavailable } from '../../../src/store/valkey/valkey-unavailable.ts';
import { quietInstruments } from '../../support/instruments.ts';
import { ManualClock } from '../../support/manual-clock.ts';

export type Host = FleetTokens<string>;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Several controls and the bank that they share, with messages that take their time; without sockets. */
export class TokenFleet {
  readonly clock = new ManualClock();
  readonly bank = new FleetBank();
  readonly hosts: Host[];
  /** Every answer to a worker. */
  readonly told: { readonly host: number; readonly at: number; readonly grant: TokenGrant }[] = [];
  readonly metrics: ReturnType<typeof openFleetLimitMetrics>[] = [];
  savedHosts: number | undefined;
  /** Undefined: it refuses connections. */
  runId: string | undefined = 'run1';
  /** It takes connections and does not answer. */
  isSilent = false;
  onTold: (host: number, hosts: number | undefined) => void = () => {};
  /** Round trips to the bank, announcements included. */
  roundTrips = 0;
  readonly #delayMs: () => number;
  #chains = 0;
  readonly #known = new Set<string>();

  constructor(hosts: number, delayMs: () => number, savedHosts?: number) {
    this.#delayMs = delayMs;
    this.savedHosts = savedHosts;
    if (savedHosts !== undefined) this.runId = undefined;
    this.hosts = Array.from({ length: hosts }, (_, host) => {
      const { bugs, registry } = quietInstruments();
      const metrics = openFleetLimitMetrics(registry);
      this.metrics.push(metrics);
      return new FleetTokens<string>({
        clock: this.clock,
        bugs,
        store: this.#store(),
        hostId: `h${host}`,
        saved: { load: () => this.savedHosts, save: (hosts) => void (this.savedHosts = hosts) },
        metrics,
        tell: (_member, grants, count) => {
          this.told.push(...grants.map((grant) => ({ host, at: this.clock.now(), grant })));
          this.onTold(host, count);
        },
      });
    });
  }

  /** Time goes on by milliseconds, with `each` called at every one. */
  async run(milliseconds: number, each: () => void = () => {}): Promise<void> {
    for (let elapsed = 0; elapsed < milliseconds; elapsed++) {
      each();
      this.clock.advance(1);
      await turn();
    }
  }

  granted(): number {
    return this.told.reduce((sum, { grant }) => sum + grant.tokens, 0);
  }

  asks(): number {
    return this.metrics.reduce((sum, { asks }) => sum + asks.value, 0);
  }

  status(host: number): Record<string, unknown> {
    return this.hosts[host]?.status()['fleet'] as Record<string, unknown>;
  }

  #store(): FleetTokenStore {
    const runId = (): string | undefined => this.runId;
    return {
      get runId() {
        return runId();
      },
      get problem() {
        return runId() === undefined ? 'it refuses' : undefined;
      },
      ask: (asks) =>
        this.#reached((runId) => ({ answers: asks.map((ask) => this.#answer(ask, runId)), hosts: this.#known.size })),
      announce: (hostId) => this.#reached(() => this.#known.add(hostId).size),
      leave: (hostId) => this.#reached(() => void this.#known.delete(hostId)),
    };
  }

  async #reached<T>(work: (runId: string) => T): Promise<T> {
    const { runId } = this;
    if (runId === undefined) throw new ValkeyUnavailable('not-connected', 'it refuses');
    this.roundTrips++;
    await this.#pass(this.#delayMs());
    const result = this.isSilent ? undefined : work(runId);
    if (result === undefined && this.isSilent) {
      await this.#pass(250);
      throw new ValkeyUnavailable('timeout', 'no answer in 250 ms');
    }
    await this.#pass(this.#delayMs());
    return result as T;
  }

  #pass(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.clock.setTimeout(resolve, milliseconds));
  }

  #answer(ask: FleetAsk, runId: string): FleetGrant {
    return this.bank.answer(ask, { now: this.clock.now(), runId, newChain: ++this.#chains });
  }
}

export const askFor = (limit: RateLimit, wanted: number, more: Partial<TokenAsk> = {}): TokenAsk => ({
  subject: 'key:1',
  limit,
  wanted,
  spent: 0,
  returned: 0,
  chain: 0,
  ...more,
});
