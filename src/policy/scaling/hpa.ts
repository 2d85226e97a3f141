/** As `behavior` of a HorizontalPodAutoscaler has them by default. Times in seconds. */
export const HPA_PERIOD_SECONDS = 15;
const TOLERANCE = 0.1;
const DOWN_STABILISATION = 300;
/** Upwards, a period adds at most this many pods, or doubles them if that is more. */
const MOST_MORE_PODS = 4;

export interface PodLimits {
  readonly least: number;
  readonly most: number;
}

/**
 * The decisions of Kubernetes' HorizontalPodAutoscaler: ceil(pods × metric / target), where metric and target are for each pod. A ratio within 10 % of 1
 * changes nothing. Downwards the highest recommendation of the last five minutes counts; upwards the number at most doubles in a
 * period, or grows by four (kubernetes.io, Horizontal Pod Autoscaling).
 */
export class HorizontalPodAutoscaler {
  readonly #target: number;
  readonly #limits: PodLimits;
  #recommended: { readonly at: number; readonly pods: number }[] = [];

  constructor(target: number, limits: PodLimits) {
    this.#target = target;
    this.#limits = limits;
  }

  /** The pods from now on. `metric`: of all pods together. Called each period. */
  decide(metric: number, pods: number, now: number): number {
    const ratio = metric / pods / this.#target;
    const wanted = Math.abs(ratio - 1) <= TOLERANCE ? pods : withinLimits(Math.ceil(pods * ratio), this.#limits);
    this.#recommended = this.#recommended.filter(({ at }) => now - at < DOWN_STABILISATION);
    this.#recommended.push({ at: now, pods: wanted });
    const stable = Math.max(...this.#recommended.map((recommendation) => recommendation.pods));
    if (wanted > pods) return Math.min(wanted, Math.max(2 * pods, pods + MOST_MORE_PODS));
    return Math.min(pods, stable);
  }
}

export const withinLimits = (pods: number, { least, most }: PodLimits): number => Math.min(most, Math.max(least, pods));
