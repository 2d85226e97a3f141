import { type PodLimits, withinLimits } from './hpa.ts';

/** As Knative's `config-autoscaler` has them by default. Times in seconds. */
export const KPA_PERIOD_SECONDS = 2;
const STABLE_WINDOW = 60;
const PANIC_WINDOW = 6;
const PANIC_THRESHOLD = 2;
const MOST_UP = 1000;
const MOST_DOWN = 2;

/**
 * The decisions of Knative's pod autoscaler. The wanted pods are the mean metric over 60 s, divided by the target of a pod. If the
 * same over 6 s is twice the ready pods, it panics, and the number never falls until 60 s after the last such moment. Downwards it at
 * most halves at a time (knative/serving, pkg/autoscaler/scaling/autoscaler.go).
 */
export class KnativePodAutoscaler {
  readonly #target: number;
  readonly #limits: PodLimits;
  #seen: { readonly at: number; readonly metric: number }[] = [];
  #panicAt: number | undefined;
  #mostInPanic = 0;

  constructor(target: number, limits: PodLimits) {
    this.#target = target;
    this.#limits = limits;
  }

  get isPanicking(): boolean {
    return this.#panicAt !== undefined;
  }

  /** The pods from now on. `metric`: of all pods together. Called each period. */
  decide(metric: number, readyPods: number, now: number): number {
    this.#seen = this.#seen.filter(({ at }) => now - at < STABLE_WINDOW);
    this.#seen.push({ at: now, metric });
    const ready = Math.max(1, readyPods);
    const clamp = (pods: number): number =>
      Math.min(Math.ceil(MOST_UP * ready), Math.max(Math.floor(ready / MOST_DOWN), pods));
    const stable = Math.ceil(this.#mean(STABLE_WINDOW, now) / this.#target);
    const quick = Math.ceil(this.#mean(PANIC_WINDOW, now) / this.#target);
    const isOver = quick / ready >= PANIC_THRESHOLD;
    if (isOver) this.#panicAt = now;
    else if (this.#panicAt !== undefined && now - this.#panicAt > STABLE_WINDOW) {
      this.#panicAt = undefined;
      this.#mostInPanic = 0;
    }
    if (this.#panicAt === undefined) return withinLimits(clamp(stable), this.#limits);
    this.#mostInPanic = Math.max(this.#mostInPanic, ready, clamp(quick));
    return withinLimits(this.#mostInPanic, this.#limits);
  }

  #mean(window: number, now: number): number {
    const metrics = this.#seen.filter(({ at }) => now - at < window);
    return metrics.reduce((sum, { metric }) => sum + metric, 0) / metrics.length;
  }
}
