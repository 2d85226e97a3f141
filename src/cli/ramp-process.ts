import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/model.ts';
import type { RampOrder, RunProcess } from '../control/lab-runs.ts';
import { hostInUrl } from '../core/host.ts';
import type { CommandIo } from './io.ts';

const entry = fileURLToPath(new URL('main.ts', import.meta.url));

/** What belongs to control as a supervised process, and not to a command. */
const ofControl: ReadonlySet<string> = new Set([
  'RAMPART_SUPERVISED',
  'RAMPART_INSTANCE',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
]);

/** `rampart lab ramp` against the Rampart of this host, as a person would start it. */
export const rampProcess =
  ({ env: { HOST, PORT }, dataDir }: Config, io: CommandIo) =>
  ({ from, to, by, hold, gate }: RampOrder, said: (line: string) => void): RunProcess => {
    const host = HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST;
    const load = Object.entries({ from, to, by, hold, gate }).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const args = [entry, 'lab', 'ramp', '--url', `http://${hostInUrl(host)}:${PORT}`, ...load];
    const others = Object.entries(process.env).filter(([name]) => !ofControl.has(name));
    const child = spawn(process.execPath, args, {
      cwd: io.folder,
      env: { ...Object.fromEntries(others), RAMPART_DATA_DIR: dataDir },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', said);
    const { promise: ended, resolve } = Promise.withResolvers<number | null>();
    child.once('error', (error) => {
      said(`rampart: ${error.message}`);
      resolve(null);
    });
    child.once('close', (code) => resolve(code));
    return { stop: () => void child.kill('SIGTERM'), ended };
  };
