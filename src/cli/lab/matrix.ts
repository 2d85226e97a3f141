import { matrix } from '../../lab/experiments/matrix.ts';
import { type ProfileName, profileNames } from '../../lab/experiments/profiles.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { runExperiment } from './experiment.ts';
import { readSystem, systemHelp, systemOptions } from './measured-system.ts';
import { type Options, readOptions } from './options.ts';

const help = `usage: rampart lab matrix [options]

Every profile at every concurrency, by users who wait for their reply; tells for each profile what keeps it back: A contention,
B work or processors, C capacity control. Passes when errors stay below 1 %, no client times out, and p99 is within its target.

  --profiles A,B        of ${profileNames.join(', ')} (all)
  --concurrency 4,8     connections (4,8,12,16,24,32)
  --cycle-delay 0,100   ms between a reply and the user's next request (0)
  --hold SECONDS        length of a step (4)
  --p99 MS              target (that of createBarcode in the SLO file, or 500)
${systemHelp}  --json             the whole record on standard output
`;

/** `rampart lab matrix`. */
export async function labMatrix(args: string[], io: CommandIo): Promise<number> {
  const kinds = {
    profiles: 'text',
    concurrency: 'text',
    'cycle-delay': 'text',
    hold: 'number',
    p99: 'number',
  } as const;
  const options = readOptions('matrix', args, { ...systemOptions, ...kinds, json: 'flag' });
  if (options === 'help') {
    io.stdout.write(help);
    return exitCodes.ok;
  }
  const measured = readSystem(options, io);
  const plan = {
    profiles: readProfiles(options),
    concurrency: readNumbers('concurrency', '4,8,12,16,24,32', { least: 1, most: 10_000 }, options),
    cycleDelaysMs: readNumbers('cycle-delay', '0', { least: 0, most: 60_000 }, options),
    holdMs: options.number('hold', 4, 0.5, 3600) * 1000,
    p99Ms: options.number('p99', measured.promised?.p99Ms ?? 500, 0.1, 60_000),
  };
  options.check();
  return runExperiment('matrix', { io, json: options.flag('json') }, async (experiment) =>
    matrix({ ...plan, resources: measured.resources, system: await measured.start(experiment) }, experiment.context),
  );
}

function readProfiles(options: Options): ProfileName[] {
  return (options.text('profiles') ?? profileNames.join(',')).split(',').flatMap((text) => {
    const found = profileNames.find((name) => name === text.trim());
    if (found === undefined) options.problem(`--profiles must be of ${profileNames.join(', ')}: got '${text}'`);
    return found ?? [];
  });
}

/** Whole numbers with commas between them. */
function readNumbers(
  name: string,
  byDefault: string,
  { least, most }: { readonly least: number; readonly most: number },
  options: Options,
): number[] {
  return (options.text(name) ?? byDefault).split(',').map((text) => {
    const value = Number(text);
    if (/^\s*\d+\s*$/.test(text) && value >= least && value <= most) return value;
    options.problem(`--${name} must be whole numbers from ${least} to ${most}: got '${text}'`);
    return least;
  });
}
