import { endpointLoads, profileLoads } from '../../lab/experiments/loads.ts';
import { matrix } from '../../lab/experiments/matrix.ts';
import { type ProfileName, profileNames } from '../../lab/experiments/profiles.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import { runExperiment } from './experiment.ts';
import { readP99, readSystem, systemHelp, systemOptions } from './measured-system.ts';
import { type Options, readOptions } from '../options.ts';

const help = `usage: rampart lab matrix [options]

Runs every profile at every concurrency, with users who wait for their reply, and classifies the limit of each profile:
A contention, B work or processors, C capacity control. The run passes if errors stay below 1 %, errors and refusals within
--failed, no client times out, and p99 meets its target (with --mix slo, each endpoint meets the targets of the file).

  --profiles A,B        profiles: ${profileNames.join(', ')}; with --mix slo its endpoints and mixed (all)
  --concurrency 4,8     numbers of connections (4,8,12,16,24,32)
  --cycle-delay 0,100   ms between a reply and the user's next request (0)
  --hold SECONDS        length of a step (4)
  --p99 MS              target (that of createBarcode in the SLO file, or 500; none with --mix slo)
${systemHelp}  --json             the whole record on standard output
`;

/** `rampart lab matrix`. */
export async function labMatrix(args: string[], io: CommandIo): Promise<number> {
  const kinds = {
    profiles: 'value',
    concurrency: 'value',
    'cycle-delay': 'value',
    hold: 'value',
    p99: 'value',
  } as const;
  const options = readOptions(
    { command: 'lab matrix', help, options: { ...systemOptions, ...kinds, json: 'flag' } },
    args,
    io,
  );
  if (options === undefined) return exitCodes.ok;
  const measured = readSystem(options, io);
  const plan = {
    concurrency: options.wholes('concurrency', [4, 8, 12, 16, 24, 32], 1, 10_000),
    cycleDelaysMs: options.wholes('cycle-delay', [0], 0, 60_000),
    holdMs: options.number('hold', 4, 0.5, 3600) * 1000,
    p99Ms: readP99(options, measured),
    targets: measured.targets,
  };
  const endpoints = measured.slo?.slo.endpoints.filter(({ weight }) => weight > 0).map(({ id }) => id);
  const profiles = readProfiles(endpoints === undefined ? profileNames : [...endpoints, 'mixed'], options);
  options.check();
  return runExperiment('matrix', { io, json: options.flag('json') }, async (experiment) => {
    const { context } = experiment;
    const system = await measured.start(experiment);
    const loads =
      measured.slo === undefined
        ? await profileLoads(profiles as ProfileName[], system, context)
        : endpointLoads(await measured.mixFor(system, context)).filter(({ name }) => profiles.includes(name));
    return matrix({ ...plan, loads, resources: measured.resources, system }, context);
  });
}

function readProfiles(names: readonly string[], options: Options): string[] {
  return (options.text('profiles') ?? names.join(',')).split(',').flatMap((text) => {
    const found = names.find((name) => name === text.trim());
    if (found === undefined) options.problem(`--profiles must be of ${names.join(', ')}: got '${text}'`);
    return found ?? [];
  });
}
