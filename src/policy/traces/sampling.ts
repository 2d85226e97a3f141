/** The samplers of OpenTelemetry's specification that Rampart has. */
export const samplerNames = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

export type SamplerName = (typeof samplerNames)[number];

/** What a request says about its trace. */
export interface TraceStart {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Whether the caller traces the request; undefined for a request that starts a trace. */
  readonly parentSampled: boolean | undefined;
}

/** Decides at its start whether a request is traced. */
export type Sampler = (start: TraceStart) => boolean;

/** Digits of a trace id that are random (W3C Trace Context level 2, §3.2.2.5: the last 56 bits). */
const RANDOM_DIGITS = 14;

/**
 * Makes a sampler. `share`: from 0 to 1, of the ratio samplers. The trace id decides, so that every service with the
 * same share decides alike: a trace is kept if its last 56 bits are at least (1 - share) of 2^56, as by OpenTelemetry's
 * probability sampling.
 */
export function samplerOf(name: SamplerName, share: number): Sampler {
  const root = rootSampler(name.replace('parentbased_', ''), share);
  if (!name.startsWith('parentbased_')) return root;
  return (start) => start.parentSampled ?? root(start);
}

function rootSampler(name: string, share: number): Sampler {
  if (name === 'always_on') return () => true;
  if (name === 'always_off') return () => false;
  const threshold = BigInt(Math.ceil((1 - share) * 16 ** RANDOM_DIGITS))
    .toString(16)
    .padStart(RANDOM_DIGITS, '0');
  // Of a share of nearly nothing, too: the threshold is above every number.
  if (threshold.length > RANDOM_DIGITS) return () => false;
  // Digits of equal length compare as the numbers do, at a tenth of the cost, and most requests come by here.
  return ({ traceId }) => traceId.slice(-RANDOM_DIGITS) >= threshold;
}

/** Whether errors and slow requests are traced although the sampler left them out; not if it is off, because then no traces are wanted. */
export const keepsFailures = (name: SamplerName): boolean => !name.endsWith('always_off');
