import { UsageError } from '../core/errors.ts';
import { type CommandIo, type CommandTable, exitCodes } from './io.ts';
import { guess } from './options.ts';

/** The experiments of the lab. */
export const experiments: CommandTable = {
  capacity: {
    summary: 'the highest load within the targets, confirmed and refuted',
    load: async () => (await import('./lab/capacity.ts')).labCapacity,
  },
  list: {
    summary: 'the runs so far',
    load: async () => (await import('./lab/list.ts')).labList,
  },
  report: {
    summary: 'the report of a run, written anew; of two, side by side',
    load: async () => (await import('./lab/report.ts')).labReport,
  },
  ramp: {
    summary: 'load that grows step by step: the release gate',
    load: async () => (await import('./lab/ramp.ts')).labRamp,
  },
  compare: {
    summary: 'two configurations, in turns: better, worse, the same or inconclusive',
    load: async () => (await import('./lab/compare.ts')).labCompare,
  },
  matrix: {
    summary: 'profiles by concurrency, and what keeps each back',
    load: async () => (await import('./lab/matrix.ts')).labMatrix,
  },
  soak: {
    summary: 'a steady load for an hour: drift and leaks',
    load: async () => (await import('./lab/soak.ts')).labSoak,
  },
  spike: {
    summary: 'a crowd that comes within seconds, and leaves',
    load: async () => (await import('./lab/spike.ts')).labSpike,
  },
  ingest: {
    summary: 'how fast batches are accepted, with reads beside them; the modes of the ledger',
    load: async () => (await import('./lab/ingest.ts')).labIngest,
  },
  tune: {
    summary: 'the best of many configurations, and what each change buys; writes .env.tuned',
    load: async () => (await import('./lab/tune.ts')).labTune,
  },
  forecast: {
    summary: 'how many generators and hosts a load needs, from a run or live',
    load: async () => (await import('./lab/forecast.ts')).labForecast,
  },
  prove: {
    summary: 'one generator against six, and real barcodes: the release proof',
    load: async () => (await import('./lab/prove.ts')).labProve,
  },
};

const help = `usage: rampart lab <experiment> [options]

${Object.entries(experiments)
  .map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  .join('\n')}

The lab starts the system that it measures, on free ports and with a database of its own, and stops it again. It leaves a
report in RAMPART_DATA_DIR/runs: report.html, report.md, run.json, junit.xml. rampart lab <experiment> --help tells more.
Exit codes: 0 passed, 1 a gate failed, 2 wrong usage, 3 the run is invalid and says nothing about the system.
`;

/** `rampart lab`. */
export async function lab(args: string[], io: CommandIo): Promise<number> {
  const [name = '', ...rest] = args;
  if (name === '--help' || name === '-h') {
    io.stdout.write(help);
    return exitCodes.ok;
  }
  const experiment = Object.hasOwn(experiments, name) ? experiments[name] : undefined;
  if (experiment === undefined) {
    const known = [...Object.keys(experiments), '--help'];
    throw new UsageError(
      `There is no experiment '${name}'${guess(name, known)}; rampart lab takes ${Object.keys(experiments).join(', ')}`,
    );
  }
  return (await experiment.load())(rest, io);
}
