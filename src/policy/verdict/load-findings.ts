import { backendFaults } from './backend-findings.ts';
import type { Finding } from './finding.ts';
import { amount, duration, shareText, rate } from './phrases.ts';
import type { HostSignals, UpstreamSignals } from './signals.ts';

/** Refusals by which an upstream protects itself. */
const capacityReasons = ['overloaded', 'queue-timeout', 'no-backend'] as const;

/** An upstream is overloaded if it refuses this share of its requests. */
const REFUSED_SHARE = 0.01;
const REFUSED_LEAST_PER_SECOND = 0.5;
const FULL = 0.9;
/** Programs that are not Rampart's use at least this share of the processors. */
const FOREIGN_SHARE = 0.25;
/** A worker is one thread; more than this is all of it. */
const WHOLE_THREAD = 0.95;
/** As the lab classifies it: exec of 1.5 times says that the work itself takes longer. */
const WORK_GROWS = 1.5;
/** Durations below this are noise, and no base for a ratio. */
const LEAST_WORK_MS = 2;
/** Fewer replies in a second tell nothing about a backend. */
const LEAST_PER_SECOND = 1;
const LEFT_SHARE = 0.05;
const ERROR_SHARE = 0.01;

/** What limits the host, and which work fails. */
export function loadFindings(host: HostSignals): Finding[] {
  return [...host.upstreams.flatMap((upstream) => upstreamFindings(upstream, host)), ...hostLoadFindings(host)];
}

function upstreamFindings(upstream: UpstreamSignals, host: HostSignals): Finding[] {
  const faults = backendFaults(upstream);
  if (!isOverloaded(upstream)) return faults.length === 0 && upstream.isStanding ? [standing(upstream)] : faults;
  const root = faults[0];
  if (root?.state === 'down') return faults;
  if (root !== undefined)
    return [
      { ...root, state: 'overloaded', cause: `${root.cause}; the others cannot carry the load` },
      ...faults.slice(1),
    ];
  return [limitOf(upstream, host)];
}

const refusedFor = ({ refused }: UpstreamSignals, reasons: readonly string[]): number =>
  reasons.reduce((sum, reason) => sum + (refused[reason] ?? 0), 0);

function isOverloaded(upstream: UpstreamSignals): boolean {
  const refused = refusedFor(upstream, capacityReasons);
  return refused >= Math.max(REFUSED_LEAST_PER_SECOND, REFUSED_SHARE * (upstream.endedPerSecond + refused));
}

/** Why an upstream whose backends are all in order cannot serve what comes: the first that holds. */
function limitOf(upstream: UpstreamSignals, host: HostSignals): Finding {
  const { name, workMs, usualWorkMs, inFlight, permits } = upstream;
  const effect = `${rate(refusedFor(upstream, capacityReasons))} refused`;
  const processors = processorLimit(upstream, host, effect);
  if (processors !== undefined) return processors;
  const base = { state: 'overloaded', subject: name } as const;
  if (
    workMs !== undefined &&
    usualWorkMs !== undefined &&
    workMs >= WORK_GROWS * Math.max(LEAST_WORK_MS, usualWorkMs)
  ) {
    return {
      ...base,
      causeId: 'work-grew',
      bottleneck: 'B',
      cause: `a request takes upstream ${name} ${duration(workMs)}, usually ${duration(usualWorkMs)}: ${effect}`,
      next: 'look at what its backends wait for or have begun to do: a new version, larger requests, a slow dependency',
    };
  }
  if (inFlight >= FULL * permits) {
    return {
      ...base,
      causeId: 'permits',
      bottleneck: 'A',
      cause: `${permits === 1 ? 'the one permit' : `all ${permits} permits`} of upstream ${name} ${permits === 1 ? 'is' : 'are'} in use: ${effect}`,
      next: 'add backends, or raise the cap if their processors have room (rampart lab tune finds the best cap)',
    };
  }
  return {
    ...base,
    causeId: 'refusals',
    bottleneck: 'A',
    cause: `upstream ${name} has ${amount(Math.round(permits - inFlight), 'free permit')}: ${effect}`,
    next: 'compare its queue settings, reserved permits and adaptive limit with what comes (docs/tuning.md)',
  };
}

/** The processors of this machine, or those that the gateway may use. */
function processorLimit(
  upstream: UpstreamSignals,
  { machine, workers }: HostSignals,
  effect: string,
): Finding | undefined {
  const { name, isBesideRampart } = upstream;
  const busy = machine.busyShare ?? 0;
  const foreign = busy - machine.ownShare;
  const base = { state: 'overloaded', subject: name, bottleneck: 'processors' } as const;
  // Backends on this machine that Rampart has not started look like other programs.
  if (busy >= FULL && foreign >= FOREIGN_SHARE && !isBesideRampart) {
    return {
      ...base,
      causeId: 'other-programs',
      cause: `the processors are ${shareText(busy)} busy, ${shareText(foreign)} with other programs: ${effect} at upstream ${name}`,
      next: 'stop the other programs or move them to another machine',
    };
  }
  if (busy >= FULL) {
    return {
      ...base,
      causeId: 'processors',
      cause: `the processors are ${shareText(busy)} busy: ${effect} at upstream ${name}`,
      next: 'add processors or a second host, or make the work cheaper; more processes do not help',
    };
  }
  return areWhole(workers) ? gatewayProcessors(workers.present.length, effect) : undefined;
}

/** Whether every gateway worker uses a whole processor. */
const areWhole = ({ present }: HostSignals['workers']): boolean =>
  present.length > 0 && present.every(({ processors = 0 }) => processors >= WHOLE_THREAD);

const standing = ({ name, queued, inFlight, permits }: UpstreamSignals): Finding => ({
  state: 'degraded',
  subject: name,
  causeId: 'queue-standing',
  bottleneck: 'A',
  cause: `the queue of upstream ${name} does not empty: ${amount(queued, 'request')} waiting, ${Math.round(inFlight)} of ${amount(permits, 'permit')} in use`,
  next: 'add backends before requests are refused, or raise the cap if their processors have room',
});

const gatewayProcessors = (workers: number, effect: string): Finding => ({
  state: 'overloaded',
  subject: '',
  causeId: 'gateway-processors',
  bottleneck: 'processors',
  cause: `${workers === 1 ? 'the gateway worker uses a whole processor' : `the ${workers} gateway workers use a whole processor each`}: ${effect}`,
  next: 'raise GATEWAY_WORKERS while the machine has free processors',
});

/** What no single upstream explains. */
function hostLoadFindings({ traffic, upstreams, workers, machine }: HostSignals): Finding[] {
  const { requestsPerSecond, errorsPerSecond, leftPerSecond } = traffic;
  const found: Finding[] = [];
  const isRoom = (machine.busyShare ?? 1) < FULL;
  if (areWhole(workers) && isRoom && !upstreams.some(isOverloaded))
    found.push(gatewayProcessors(workers.present.length, `at ${rate(requestsPerSecond)}`));
  if (leftPerSecond >= LEAST_PER_SECOND && leftPerSecond >= LEFT_SHARE * requestsPerSecond) {
    found.push({
      state: 'overloaded',
      subject: '',
      causeId: 'clients-leave',
      bottleneck: 'C',
      cause: `${rate(leftPerSecond)} of ${rate(requestsPerSecond)} are given up by their clients before the reply`,
      next: 'bound what is in flight so that requests are refused early: caps, queueTimeoutMs, timeoutMs of the route',
    });
  }
  const byBackends = upstreams.reduce((sum, { failedPerSecond }) => sum + failedPerSecond, 0);
  if (
    errorsPerSecond >= LEAST_PER_SECOND &&
    errorsPerSecond >= ERROR_SHARE * requestsPerSecond &&
    byBackends < errorsPerSecond / 2
  ) {
    found.push({
      state: 'degraded',
      subject: '',
      causeId: 'errors',
      cause: `${rate(errorsPerSecond)} of ${rate(requestsPerSecond)} end with a 5xx that no backend sent`,
      next: 'look at rampart_errors_total by error_type and into the log of the gateway',
    });
  }
  return found;
}
