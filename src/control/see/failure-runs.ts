import { afterCounts, type FailureRun } from '../../policy/verdict/failure-run.ts';
import type { Totals } from './totals.ts';

/** Counts the failures in a row of each upstream, because with little traffic a rate shows nothing. */
export class FailureRuns {
  #runs: ReadonlyMap<string, FailureRun> = new Map();

  look({ numbers }: Totals, nowMs: number): void {
    const counts = new Map<string, { successes: number; failures: number }>();
    for (const [key, value] of numbers.get('rampart_backend_requests_total') ?? []) {
      const [upstream = '', , outcome] = key.split('\n');
      const count = counts.get(upstream) ?? { successes: 0, failures: 0 };
      if (outcome === 'success') count.successes += value;
      else if (outcome === 'failure' || outcome === 'timeout') count.failures += value;
      counts.set(upstream, count);
    }
    // A failed attempt that was followed by another one is no failed request yet.
    for (const [key, value] of numbers.get('rampart_retries_total') ?? []) {
      const [upstream = '', kind] = key.split('\n');
      const count = counts.get(upstream);
      if (count !== undefined && kind !== 'over-budget' && kind !== 'hedge') count.failures -= value;
    }
    this.#runs = new Map([...counts].map(([name, count]) => [name, afterCounts(this.#runs.get(name), count, nowMs)]));
  }

  of(upstream: string): number {
    return this.#runs.get(upstream)?.inARow ?? 0;
  }
}
