import type { UpstreamConfig } from '../../config/model.ts';
import { ServiceTime } from '../../policy/admission/service-time.ts';
import { RetryBudget } from '../../policy/retry/budget.ts';
import { AdmissionQueue } from './admission-queue.ts';
import type { Refusal } from '../refusal.ts';
import type { Claim, PendingPermit } from './claim.ts';
import { BackendSet } from './backend-set.ts';
import { HomeWaits } from './home-waits.ts';
import { openerOf } from './open-backend.ts';
import type { Permit, PermitOwner } from './permit.ts';
import { Permits } from './permits.ts';
import { StreamPlaces } from './stream-places.ts';
import type { UpstreamDependencies } from './upstream-dependencies.ts';

/** What an upstream is made of. */
export interface UpstreamParts {
  readonly queue: AdmissionQueue;
  readonly permits: Permits;
  readonly streams: StreamPlaces;
  readonly serviceTime: ServiceTime;
  readonly set: BackendSet;
  readonly homes: HomeWaits;
  readonly budget: RetryBudget;
}

/** The upstream itself. */
export interface PartOwner extends PermitOwner {
  onNeed: (() => void) | undefined;
  acquire(claim: Claim): Permit | PendingPermit | Refusal;
}

/** `wake`: called when waiting requests may go on. */
export function openParts(
  config: UpstreamConfig,
  dependencies: UpstreamDependencies,
  owner: PartOwner,
  wake: () => void,
): UpstreamParts {
  const { clock, random, maxStreams, workers } = dependencies;
  const isChecked = config.health !== undefined;
  const set = new BackendSet({ backends: config.backends, open: openerOf(config, dependencies), isChecked, clock });
  const serviceTime = new ServiceTime(clock.now());
  const { balancer, fleet } = config;
  const maxDurationMs = fleet?.maxDurationMs;
  const permits = new Permits({ owner, backends: set, balancer, serviceTime, clock, random, maxDurationMs });
  const homes = new HomeWaits({
    set,
    clock,
    take: (backend, { routeClass }) => permits.takeOf(backend, routeClass),
    move: (claim) => owner.acquire(claim),
    onNeed: () => owner.onNeed?.(),
  });
  return {
    budget: new RetryBudget(workers),
    queue: new AdmissionQueue({ config, clock, random, wake }),
    permits,
    homes,
    streams: new StreamPlaces(maxStreams(config), random),
    serviceTime,
    set,
  };
}
