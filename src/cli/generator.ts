import { generatorOrigin, GENERATOR_UPSTREAM } from '../config/upstreams.ts';
import { parseBarcodeRequest } from '../barcode/request.ts';
import { seededRandom } from '../core/random.ts';
import { barcodeWork } from '../generator/barcode-work.ts';
import { calibratedWork } from '../generator/calibrated.ts';
import { createRenderer, type Renderer } from '../generator/render.ts';
import { startGenerator } from '../generator/server.ts';
import type { Work } from '../generator/work.ts';
import { portTaken } from '../supervisor/public-socket.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { type Options, readOptions } from './options.ts';
import { announceReady, enterRole, exitCodeOf, linkToControl, type RoleContext, stopRequests } from './role.ts';

const help = `usage: rampart generator [options]

Runs a generator. The defaults are the kind GENERATOR_KIND and the port GENERATOR_PORT + instance.

  --port N              listen on this port
  --host ADDRESS        listen on this address instead of 127.0.0.1
  --calibrated          run a backend of known capacity: slots / service time
  --service-time 55ms   service time of a calibrated generator (CALIBRATED_SERVICE_TIME_MS)
  --slots 4             requests served at the same time (GENERATOR_CONCURRENCY)
  --law NAME            law of its service times: deterministic or exponential (CALIBRATED_LAW)
  --seed N              seed of the exponential law
`;

const optionKinds = {
  port: 'value',
  host: 'value',
  calibrated: 'flag',
  'service-time': 'value',
  slots: 'value',
  law: 'value',
  seed: 'value',
} as const;

/** `rampart generator`. */
export async function generator(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'generator', help, options: optionKinds }, args, io);
  if (options === undefined) return exitCodes.ok;
  const env = environmentOf(options, io.env);
  const context = await enterRole('generator', { ...io, env });
  const { bugs, config, clock, log } = context;
  const port = Number(env['RAMPART_GENERATOR_PORT'] ?? config.env.GENERATOR_PORT + context.instance);
  const host = env['RAMPART_GENERATOR_HOST'] ?? '127.0.0.1';
  const stop = stopRequests(context);
  const origin = generatorOrigin(config.env, context.instance);
  let isStopping = false;
  const running = await startGenerator(
    { host, port, slots: config.env.GENERATOR_CONCURRENCY, reusePort: env['RAMPART_SUPERVISED'] === '1' },
    { clock, work: await workOf(context, env), onError: (error) => bugs.report('generator', error) },
  ).catch((error: unknown) => {
    throw portTaken(`generator ${context.instance}`, 'GENERATOR_PORT', host, port, error);
  });
  // A generator with an address of its own is a backend of whatever configuration names that address.
  const isOwn = env['RAMPART_GENERATOR_PORT'] === undefined && env['RAMPART_GENERATOR_HOST'] === undefined;
  const link = linkToControl(context, {
    status: () => running.stats(),
    onConnected: () => {
      if (isOwn && !isStopping) link.tell({ type: 'announce', upstream: GENERATOR_UPSTREAM, origin });
    },
  });
  announceReady();
  log.debug({ port: running.port }, 'generator ready');
  log.debug({ signal: await stop.first }, 'generator stopping');
  isStopping = true;
  // Withdrawn first, so that gateways send no new request here.
  link.tell({ type: 'withdraw' });
  await running.drain();
  await link.close();
  return exitCodeOf(context);
}

/** Options are another way to write the environment, and are checked with it. */
function environmentOf(options: Options, env: CommandIo['env']): Record<string, string | undefined> {
  options.whole('port', 0, 0, 65_535);
  options.whole('seed', 0, 0, 999_999_999);
  options.check();
  const merged: Record<string, string | undefined> = { ...env };
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined) merged[name] = value;
  };
  set('RAMPART_GENERATOR_PORT', options.text('port'));
  set('RAMPART_GENERATOR_HOST', options.text('host'));
  set('GENERATOR_KIND', options.flag('calibrated') ? 'calibrated' : undefined);
  set('CALIBRATED_SERVICE_TIME_MS', options.text('service-time')?.replace(/ms$/, ''));
  set('GENERATOR_CONCURRENCY', options.text('slots'));
  set('CALIBRATED_LAW', options.text('law'));
  set('RAMPART_SEED', options.text('seed'));
  return merged;
}

const WARM_UP_ROUNDS = 20;

/** Renders barcodes before the first request, which would otherwise wait until V8 has compiled the code. */
function warmUp(renderer: Renderer): void {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    for (const format of ['svg', 'png']) {
      const parsed = parseBarcodeRequest({ symbology: 'qrcode', text: `warm up ${round}`, format });
      if (parsed.ok) renderer.render(parsed.request);
    }
  }
}

async function workOf(
  { config, clock, instance }: RoleContext,
  env: Record<string, string | undefined>,
): Promise<Work> {
  const { GENERATOR_KIND, CALIBRATED_SERVICE_TIME_MS, CALIBRATED_LAW } = config.env;
  if (GENERATOR_KIND === 'barcode') {
    const renderer = await createRenderer();
    warmUp(renderer);
    return barcodeWork(renderer);
  }
  const random = seededRandom(Number(env['RAMPART_SEED'] ?? instance + 1));
  return calibratedWork({ serviceTimeMs: CALIBRATED_SERVICE_TIME_MS, law: CALIBRATED_LAW }, clock, random);
}
