import type { Random } from '../../core/random.ts';

/** How a request at a backend ended, as the limit sees it. */
export interface LimitSample {
  readonly latencyMs: number;
  readonly routeClass: number;
  /** Requests that the worker had in flight at the upstream when this one ended, itself included. */
  readonly inFlight: number;
  /** A time-out, or an overload reply: the backend has more than it can take. */
  readonly dropped: boolean;
}

/** A window is at least this long, and twice the latency: what ends in it should have begun in it. */
const WINDOW_MS = 250;
const WINDOW_LATENCIES = 2;
const MIN_SAMPLES = 20;
const MAX_SAMPLES_PER_CLASS = 128;
/** Latency may rise by this factor over that of an unloaded backend before it counts as queueing. */
const TOLERANCE = 1.25;
/** What a window with drops leaves of the limit (Netflix `AIMDLimit`). */
const BACKOFF = 0.9;
const GROWTH = 0.1;
const LOWEST = 0.05;
/** A baseline that was learnt under load is checked after about this time, one that was not after about that. */
const DOUBTFUL_MS = 5000;
const TRUSTED_MS = 60_000;
/** A window is no longer than this, whatever it takes for replies to come. */
const MAX_WINDOW_MS = 5000;
/** After so many windows in a row in which less in flight made replies no faster, the backends are slower, not fuller. */
const STUCK_WINDOWS = 5;
const STUCK_GAIN = 0.95;
const PROBE = 0.8;
/** A probe that makes replies faster by this factor has shown a queue. */
const PROBE_GAIN = 0.92;

/**
 * The part of its permits that a worker uses, found from latency alone: 1 while backends are as fast as when idle.
 *
 * Gradient family (Netflix `Gradient2Limit`, Envoy's adaptive concurrency). Every quarter of a second:
 *   ratio = median latency now / baseline, weighed over the route classes
 *   ratio > 1.25 -> part *= (1 + max(0.5, 1.25 / ratio)) / 2;  drops -> part *= 0.9;  else, if in use, part += 10 %
 * The limit is a part of the permits rather than a number, as permits move between workers and what a backend takes of
 * its cap does not. Guards:
 * - no growth while less than 90 % of it is in use, as an idle worker learns nothing;
 * - the baseline falls with any faster window, and rises only with windows that used less than half of the limit:
 *   under load it cannot drift up. One that may be too high, as it was learnt under load, is checked by a probe: one
 *   window with a fifth less; if replies get faster there was a queue, the part stays down and the baseline follows;
 * - when less in flight makes replies no faster five windows in a row, the backends themselves have become slower: that is the
 *   baseline then, and the limit is found anew.
 */
export class AdaptiveLimit {
  readonly #random: Random;
  #part = 1;
  #baselines: (number | undefined)[] = [];
  #samples: number[][] = [];
  #count = 0;
  #dropped = 0;
  #peak = 0;
  #slowest = 0;
  #stuck = 0;
  #before: readonly (number | undefined)[] = [];
  #windowStart: number | undefined;
  #probing: { readonly from: number; readonly medians: readonly (number | undefined)[] } | undefined;
  #checkAt = Number.NaN;

  constructor(random: Random) {
    this.#random = random;
  }

  /** 0.05 to 1. */
  get part(): number {
    return this.#part;
  }

  /** Requests that may be in flight with so many permits; never below `floor`, or the permits if those are fewer. */
  of(permits: number, floor: number): number {
    return this.#part === 1 ? permits : Math.max(Math.min(floor, permits), Math.ceil(permits * this.#part));
  }

  /** A request has ended, with `permits` held at this moment. */
  sample(sample: LimitSample, permits: number, now: number): void {
    this.#windowStart ??= now;
    this.#peak = Math.max(this.#peak, sample.inFlight / Math.max(1, permits));
    this.#count++;
    if (sample.dropped) this.#dropped++;
    else this.#keep(sample);
    if (!sample.dropped) this.#slowest = Math.max(this.#slowest, sample.latencyMs);
    const windowMs = Math.min(MAX_WINDOW_MS, Math.max(WINDOW_MS, WINDOW_LATENCIES * this.#slowest));
    if (now - this.#windowStart >= windowMs && this.#count >= MIN_SAMPLES) this.#close(now);
  }

  #keep({ routeClass, latencyMs }: LimitSample): void {
    // Without holes: a class may be numbered long before its first sample.
    while (this.#samples.length <= routeClass) this.#samples.push([]);
    const samples = this.#samples[routeClass] as number[];
    if (samples.length < MAX_SAMPLES_PER_CLASS) samples.push(latencyMs);
  }

  #close(now: number): void {
    const medians = this.#samples.map(median);
    if (Number.isNaN(this.#checkAt)) this.#checkLater(now, DOUBTFUL_MS);
    if (this.#probing === undefined) this.#step(medians, now);
    else this.#endProbe(medians, this.#probing, now);
    for (const samples of this.#samples) samples.length = 0;
    this.#count = 0;
    this.#dropped = 0;
    this.#slowest = 0;
    this.#peak = 0;
    this.#windowStart = now;
  }

  #step(medians: readonly (number | undefined)[], now: number): void {
    const relaxed = this.#peak <= 0.5 * this.#part;
    this.#learn(medians, relaxed, now);
    const ratio = this.#ratio(medians, this.#baselines);
    const isSlow = ratio > TOLERANCE;
    this.#stuck = isSlow && this.#ratio(medians, this.#before) > STUCK_GAIN ? this.#stuck + 1 : 0;
    this.#before = medians;
    const inUse = this.#peak >= 0.9 * this.#part;
    if (this.#dropped * 20 > this.#count) this.#part = Math.max(LOWEST, this.#part * BACKOFF);
    else if (this.#stuck >= STUCK_WINDOWS) this.#acceptAsBaseline(medians, now);
    else if (isSlow) this.#part = Math.max(LOWEST, (this.#part * (1 + Math.max(0.5, TOLERANCE / ratio))) / 2);
    else if (inUse && now >= this.#checkAt) this.#beginProbe(medians);
    else if (inUse) this.#part = Math.min(1, this.#part * (1 + GROWTH));
  }

  /** The backends have become slower for good: what they do now is what they can, and the limit has to be found anew. */
  #acceptAsBaseline(medians: readonly (number | undefined)[], now: number): void {
    this.#stuck = 0;
    this.#part = 1;
    for (const [routeClass, latency] of medians.entries()) {
      if (latency !== undefined) this.#baselines[routeClass] = latency;
    }
    this.#checkLater(now, DOUBTFUL_MS);
  }

  #learn(medians: readonly (number | undefined)[], relaxed: boolean, now: number): void {
    for (const [routeClass, latency] of medians.entries()) {
      if (latency === undefined) continue;
      const known = this.#baselines[routeClass];
      if (known === undefined || latency < known || relaxed) {
        this.#baselines[routeClass] = known === undefined ? latency : known * 0.7 + latency * 0.3;
      }
    }
    if (relaxed) this.#checkLater(now, TRUSTED_MS);
  }

  /** Mean of latency over baseline, each class by how often it came. */
  #ratio(medians: readonly (number | undefined)[], baselines: readonly (number | undefined)[]): number {
    let sum = 0;
    let weight = 0;
    for (const [routeClass, latency] of medians.entries()) {
      const baseline = baselines[routeClass];
      if (latency === undefined || baseline === undefined || baseline <= 0) continue;
      const count = (this.#samples[routeClass] as number[]).length;
      sum += (latency / baseline) * count;
      weight += count;
    }
    return weight === 0 ? 1 : sum / weight;
  }

  #beginProbe(medians: readonly (number | undefined)[]): void {
    this.#probing = { from: this.#part, medians };
    this.#part = Math.max(LOWEST, this.#part * PROBE);
  }

  #endProbe(
    medians: readonly (number | undefined)[],
    probe: { from: number; medians: readonly (number | undefined)[] },
    now: number,
  ): void {
    this.#probing = undefined;
    const gained = this.#ratio(medians, probe.medians) < PROBE_GAIN;
    if (gained) {
      this.#baselines = medians.map((latency, routeClass) => latency ?? this.#baselines[routeClass]);
      this.#checkAt = now;
    } else {
      this.#part = probe.from;
      this.#checkLater(now, TRUSTED_MS);
    }
  }

  /** Spread out, so that workers do not probe together. */
  #checkLater(now: number, afterMs: number): void {
    this.#checkAt = now + afterMs * (0.5 + this.#random());
  }
}

function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)];
}
