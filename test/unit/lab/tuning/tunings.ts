import type { Gain } from '../../../../src/lab/tuning/gain.ts';
import type { Tuning } from '../../../../src/lab/tuning/tuning.ts';
import { baseline, having, merits, targets } from './configurations.ts';

const before = merits(1000, 40, 1000);
const after = merits(1200, 30, 1250);
const gain: Gain = { verdict: 'better', by: 'throughput', throughput: 0.2, p99: -0.25, rss: 0.25 };
const first = having({ GENERATOR_INSTANCES: 4 });
const second = having({ GENERATOR_INSTANCES: 4, GENERATOR_CONCURRENCY: 8 });
const chosen = having({ GENERATOR_INSTANCES: 4, GENERATOR_CONCURRENCY: 8, QUEUE_CAPACITY: 64 });

const evaluated = (configuration: Tuning['baseline'], figures = before) => ({
  configuration,
  merits: figures,
  doubts: [] as string[],
});

/** Of three changes, one that is worth it. */
export const tuned: Tuning = {
  users: 24,
  targets,
  baseline,
  rungs: [
    {
      holdMs: 2000,
      evaluations: [
        evaluated(chosen, merits(1190, 31, 1260)),
        { ...evaluated(baseline), doubts: ['other programs used 30 % of the processors'] },
        evaluated(having({ LEDGER_BATCH_SIZE: 50 }), merits(990, 301, 1010)),
        {
          ...evaluated(having({ GENERATOR_CONCURRENCY: 2 }), merits(0, Infinity, 0, 1)),
          failure: 'too few connections',
        },
      ],
    },
    { holdMs: 6000, evaluations: [evaluated(chosen, merits(1210, 30, 1255)), evaluated(baseline)] },
  ],
  frontier: [evaluated(chosen, merits(1210, 30, 1255)), evaluated(baseline)],
  chosen,
  ladder: [
    { change: undefined, configuration: baseline, merits: before, gain: undefined },
    { change: { name: 'GENERATOR_INSTANCES', from: 2, to: 4 }, configuration: first, merits: after, gain },
    {
      change: { name: 'GENERATOR_CONCURRENCY', from: 4, to: 8 },
      configuration: second,
      merits: merits(1200.4, 29.9, 1325),
      gain: { verdict: 'worse', by: 'RSS', throughput: 0.0003, p99: -0.002, rss: 0.06 },
    },
    {
      change: { name: 'QUEUE_CAPACITY', from: 256, to: 64 },
      configuration: chosen,
      merits: merits(1201, 30, 1325),
      gain: { verdict: 'nothing', by: '', throughput: 0.001, p99: 0.002, rss: 0 },
    },
  ],
  result: first,
  bought: { before, after, gain },
};

/** Nothing is better than the settings as they are. */
export const untuned: Tuning = {
  ...tuned,
  frontier: [evaluated(baseline)],
  chosen: baseline,
  ladder: [],
  result: baseline,
  bought: undefined,
};
