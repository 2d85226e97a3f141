import type { Mix } from '../load/mix.ts';
import { LEAST_WINDOWS } from '../measure/drift.ts';
import { FigureCollection } from '../measure/figures.ts';
import { serverFigures } from '../measure/server-figures.ts';
import { validityOfAll } from '../measure/validity.ts';
import type { ExperimentOutcome } from '../report/run-record.ts';
import { parseMetrics } from '../system/metrics-text.ts';
import { useOverTime } from '../system/use-over-time.ts';
import { loadInParts, type Part, TargetGone } from './parts.ts';
import { type NamedMix, profileLoads } from './loads.ts';
import { goneOutcome, type SoakOptions, soakOutcome, tooShort } from './soak-outcome.ts';
import type { SoakWindow } from './soak-windows.ts';
import { type LabContext, measuredOf, type Step } from './step.ts';
import { stepLine } from './sweep.ts';
import { p95TargetOf, strictestP95Ms } from './targets.ts';

/** A steady load for long: whether latencies, memory or descriptors grow in the course of it. */
export async function soak(options: SoakOptions, context: LabContext): Promise<ExperimentOutcome> {
  const { system, profile, durationMs, windowMs, warmUp } = options;
  const count = Math.floor(durationMs / windowMs + 1e-9);
  const judged = Math.floor((durationMs - warmUp.latencyMs) / windowMs + 1e-9);
  if (judged < LEAST_WINDOWS) return tooShort(options, { count, judged });
  const [own] = options.mix === undefined ? await profileLoads([profile], system, context) : [];
  const mix = options.mix ?? (own as NamedMix).mix;
  const log = new SoakLog(options, mix);
  const { users: connections, cycleDelayMs } = options;
  const plan = { kind: 'closed', connections, cycleDelayMs, durationMs, waitsWhenRefused: true } as const;
  const endsMs = Array.from({ length: count }, (_, index) =>
    index === count - 1 ? durationMs : (index + 1) * windowMs,
  );
  context.expect(durationMs);
  try {
    for await (const part of loadInParts({ system, mix, plan, endsMs, endsWithTarget: true }, context)) {
      const step = log.add(part, delays((await system.metrics().catch(() => undefined)) ?? ''));
      context.expect(durationMs - part.window.toMs);
      context.say(`  ${log.windows.length} of ${count}: ${stepLine(step)}`);
    }
  } catch (error) {
    if (!(error instanceof TargetGone)) throw error;
    return goneOutcome(log.windows, log.windows.length === 0 ? undefined : log.whole(), error.message, options);
  }
  return soakOutcome(log.windows, log.whole(), options);
}

/** The kept figures of a soak: a little of each window, and histograms of the whole, whose size is fixed. */
class SoakLog {
  readonly windows: SoakWindow[] = [];
  readonly #options: SoakOptions;
  readonly #mix: Mix;
  readonly #all = new FigureCollection();
  readonly #endpoints: readonly { readonly name: string; readonly figures: FigureCollection }[];
  #overTarget = 0;

  constructor(options: SoakOptions, mix: Mix) {
    this.#options = options;
    this.#mix = mix;
    this.#endpoints = mix.endpoints.map(({ endpoint }, index) => ({
      name: endpoint,
      figures: new FigureCollection(index),
    }));
  }

  add({ window, result, use, lab }: Part, delayByRole: SoakWindow['delayByRole']): Pick<Step, 'figures' | 'use'> {
    const { targets } = this.#options;
    const judged = { window, mix: this.#mix, targetMs: strictestP95Ms(targets), targetMsOf: p95TargetOf(targets) };
    const { figures, endpoints, overTarget, validity } = measuredOf(result, judged);
    for (const each of [this.#all, ...this.#endpoints.map((endpoint) => endpoint.figures)]) each.add(result, window);
    this.#overTarget += overTarget;
    const p95ByEndpoint = Object.fromEntries(endpoints.map(({ endpoint, latency }) => [endpoint, latency.p95Ms]));
    this.windows.push({ ...window, latency: figures.latency, p95ByEndpoint, validity, use, lab, delayByRole });
    return { figures, use };
  }

  whole(): Step {
    const { users, cycleDelayMs, durationMs, targets } = this.#options;
    const validity = validityOfAll(this.windows, strictestP95Ms(targets));
    return {
      load: { kind: 'closed', amount: users, cycleDelayMs, settleMs: 0, durationMs },
      concurrency: validity.littlesLaw.counted,
      figures: this.#all.figures(),
      overTarget: this.#overTarget,
      endpoints: this.#endpoints.map(({ name, figures }) => figures.ofEndpoint(name)),
      validity,
      underWay: [],
      use: useOverTime(this.windows.map(({ use }) => use)),
      server: undefined,
      discarded: [],
    };
  }
}

/** p99 of the event loops' delay, the worst process of each role, from the system's metrics: milliseconds. */
function delays(metrics: string): Record<string, number> {
  const look = parseMetrics(metrics);
  return serverFigures(look, [look]).eventLoopDelayP99Ms;
}
