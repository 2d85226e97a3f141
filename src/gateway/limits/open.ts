import type { Config } from '../../config/model.ts';
import type { AddressSet } from '../../core/addresses.ts';
import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Registry } from '../../metrics/instruments.ts';
import type { PlaceAsk } from '../../protocol/places.ts';
import type { TokenAsk } from '../../protocol/tokens.ts';
import type { StoredTrust } from '../stored-trust.ts';
import { GuessLimit } from './guess-limit.ts';
import { type FindKey, KeyCache } from './key-cache.ts';
import { InFlightLimiter } from './in-flight-limiter.ts';
import { LateRefusals } from './late-refusals.ts';
import { RateLimiter } from './rate-limiter.ts';
import { ExportPlaces } from './export-places.ts';
import { RefusedKeys } from './refused-keys.ts';
import { FairAdmission } from './fair-admission.ts';

const DEFAULT_READS = 4;
/** A page of an export takes a connection for some milliseconds, and all exports of a worker share one. */
const EXPORT_READS = 1;

export interface LimitsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly bugs: Bugs;
  readonly findKey: FindKey;
  /** Reads of the store that clients may have in progress at a time; 4 if not given. */
  readonly readConcurrency?: number | undefined;
  /** Asks control for tokens; false when it cannot be asked. Without it this worker has its share of each rate limit. */
  readonly sendTokenAsks?: ((asks: readonly TokenAsk[]) => boolean) | undefined;
  /** Asks control for places of clients, as `sendTokenAsks` does for tokens. */
  readonly sendPlaceAsks?: ((asks: readonly PlaceAsk[]) => boolean) | undefined;
}

/** The limits that a worker checks before it serves a request. */
export interface Limits {
  readonly keys: KeyCache;
  readonly guesses: GuessLimit;
  readonly rates: RateLimiter;
  readonly inFlight: InFlightLimiter;
  readonly reads: FairAdmission;
  readonly exports: ExportPlaces;
  /** Reads of pages of exports. */
  readonly exportReads: FairAdmission;
  readonly lateRefusals: LateRefusals;
  readonly refusedKeys: RefusedKeys;
}

/** Makes the limits of a worker. A limit that is to hold for the whole host asks control, as the rates do. */
export function openLimits(options: LimitsOptions, trustedProxies: AddressSet, trust: StoredTrust): Limits {
  const { config, clock, registry, bugs, findKey, sendTokenAsks, sendPlaceAsks } = options;
  const { env, keyLimit, keyInFlight, addressLimit } = config;
  const workers = env.GATEWAY_WORKERS;
  return {
    keys: new KeyCache(findKey, clock, trust),
    guesses: new GuessLimit(clock, trustedProxies),
    rates: new RateLimiter({ clock, registry, bugs, workers, keyLimit, addressLimit, trustedProxies, sendTokenAsks }),
    inFlight: new InFlightLimiter({ clock, registry, bugs, workers, keyInFlight, sendPlaceAsks }),
    reads: new FairAdmission(options.readConcurrency ?? DEFAULT_READS, clock),
    exports: new ExportPlaces(registry),
    exportReads: new FairAdmission(EXPORT_READS, clock),
    refusedKeys: new RefusedKeys(clock),
    lateRefusals: new LateRefusals({ clock, bugs, isProxy: (address) => trustedProxies.has(address) }),
  };
}
