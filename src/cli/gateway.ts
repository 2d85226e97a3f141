import { loadConfig } from '../config/config.ts';
import { GatewayCluster } from './gateway-cluster.ts';
import { runGatewayWorker } from './gateway-worker.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';

const help = `usage: rampart gateway [--workers N]

Runs a gateway worker on HOST:PORT, or N workers, which are started again when they die or hang. Under pm2 in cluster mode,
and under rampart start, the process is one of several workers.
`;

/** `rampart gateway`. */
export async function gateway(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'gateway', help, options: { workers: 'value' } }, args, io);
  if (options === undefined) return exitCodes.ok;
  const workers = options.whole('workers', 1, 1, 256);
  options.check();
  if (!options.has('workers')) return runGatewayWorker(io);
  // Checked here, because otherwise every worker would report the same wrong setting.
  await loadConfig(io.env, io.folder, 'start gateway');
  return new GatewayCluster(workers, io).run();
}
