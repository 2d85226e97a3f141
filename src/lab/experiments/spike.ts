import { type Figures, FigureCollection, figuresOf } from '../measure/figures.ts';
import { spikeStays, usersAt } from '../load/user-ramp.ts';
import type { Outcome } from '../report/run-record.ts';
import { createBarcodeMix } from './barcode-mix.ts';
import { loadInParts, type Part } from './parts.ts';
import { type SpikeOptions, type SpikePhases, type SpikeSecond, spikeOutcome } from './spike-outcome.ts';
import { type LabContext, measuredOf, type Step } from './step.ts';
import { stepLine } from './sweep.ts';

/** Of the normal load and of the recovery, that is not counted: connections, compilers; a queue that empties. */
const SETTLE_MS = 2000;
const MAX_SETTLE_SHARE = 0.25;
const SECOND_MS = 1000;

/** A crowd that comes within seconds, stays and leaves: what those see who are let in, and how the system comes out of it. */
export async function spike(options: SpikeOptions, context: LabContext): Promise<Outcome> {
  const { system, cycleDelayMs, normalUsers, peakUsers, normalMs, riseMs, holdMs, recoveryMs } = options;
  const mix = createBarcodeMix(system.key);
  const stays = spikeStays(options);
  const lengths = { normal: normalMs, rise: riseMs, held: holdMs, recovery: recoveryMs };
  const users = { normal: normalUsers, rise: peakUsers, held: peakUsers, recovery: normalUsers };
  const names = Object.keys(lengths) as (keyof SpikePhases)[];
  const endsMs = names.map((_, index) => names.slice(0, index + 1).reduce((sum, name) => sum + lengths[name], 0));
  const durationMs = endsMs.at(-1) as number;
  const plan = {
    kind: 'closed',
    connections: stays.length,
    cycleDelayMs,
    durationMs,
    stays,
    waitsWhenRefused: true,
  } as const;
  const phases: Partial<Record<keyof SpikePhases, Step>> = {};
  const seconds: SpikeSecond[] = [];
  const all = new FigureCollection();
  for await (const part of loadInParts({ system, mix, plan, endsMs }, context)) {
    const name = names[Object.keys(phases).length] as keyof SpikePhases;
    const settles = name === 'normal' || name === 'recovery';
    const settleMs = settles ? Math.min(SETTLE_MS, lengths[name] * MAX_SETTLE_SHARE) : 0;
    const window = { fromMs: part.window.fromMs + settleMs, toMs: part.window.toMs };
    const measured = measuredOf(part.result, { window, mix, targetMs: options.targets.p95Ms });
    const load = { kind: 'closed', amount: users[name], cycleDelayMs, settleMs, durationMs: lengths[name] } as const;
    const step: Step = { load, ...measured, use: part.use, discarded: [] };
    phases[name] = step;
    all.add(part.result, part.window);
    seconds.push(...secondsOf(part).map((each) => ({ ...each, users: usersAt(stays, each.atMs + SECOND_MS / 2) })));
    context.say(`  ${name}, ${users[name]} users: ${stepLine(step)}`);
  }
  return spikeOutcome({ phases: phases as SpikePhases, seconds, whole: all.figures() }, options);
}

/** The last second of a part may be a short one, and then counts with the one before. */
function secondsOf({ window, result }: Part): { readonly atMs: number; readonly figures: Figures }[] {
  const count = Math.max(1, Math.round((window.toMs - window.fromMs) / SECOND_MS));
  return Array.from({ length: count }, (_, index) => {
    const fromMs = window.fromMs + index * SECOND_MS;
    const toMs = index === count - 1 ? window.toMs : fromMs + SECOND_MS;
    return { atMs: fromMs, figures: figuresOf(result, { fromMs, toMs }) };
  });
}
