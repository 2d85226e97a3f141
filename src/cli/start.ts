import { loadConfigAndFile } from '../config/config.ts';
import { nodeRemarks } from '../config/node-floors.ts';
import { unknownVariables } from '../config/env-file.ts';
import type { Config } from '../config/model.ts';
import { UsageError } from '../core/errors.ts';
import { runFolder as runFolderOf } from '../core/run-folder.ts';
import { checkTlsFiles } from '../gateway/tls/open-tls.ts';
import { activatedSockets, SERVICE_VARIABLES } from '../supervisor/activation.ts';
import { listenersOf } from '../supervisor/host-listeners.ts';
import { acquireInstanceLock } from '../supervisor/instance-lock.ts';
import { prepareRunFolder, recordThisProcess } from '../supervisor/process-records.ts';
import { HostRun, type HostRunOptions } from './host-run.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { sloOf } from './slo-at-start.ts';
import { addresses } from './start-banner.ts';

const help = `usage: rampart start

Runs everything on this host: PostgreSQL (unless DATABASE_URL is set), control, GENERATOR_INSTANCES generators,
GATEWAY_WORKERS gateway workers and BATCH_WORKERS batch workers, and restarts processes that die. Ctrl-C stops everything
and loses nothing; a second Ctrl-C stops at once. Exit codes: 0 after a stop, 130 (143 for SIGTERM) if it was stopped before
everything was up, 2 if it cannot start.
`;

/** `rampart start`. */
export async function start(args: string[], io: CommandIo): Promise<number> {
  if (readOptions({ command: 'start', help }, args, io) === undefined) return exitCodes.ok;
  const { config, file } = await loadConfigAndFile(io.env, io.folder);
  // Control says which alerts can never fire.
  sloOf(config, io, () => {});
  if (config.tls !== undefined) checkTlsFiles(config.tls);
  const service = serviceOf(config, io);
  const runFolder = runFolderOf(config.dataDir);
  prepareRunFolder(config.dataDir, runFolder);
  const lock = await acquireInstanceLock(config.dataDir, runFolder, { pid: process.pid, ...addresses(config) });
  const self = { role: 'supervisor', instance: 0, supervised: false } as const;
  const forget = recordThisProcess(runFolder, self, (problem) => io.stderr.write(`rampart: ${problem}\n`));
  process.once('exit', forget);
  const host = new HostRun({ config, file, runFolder, io, service });
  for (const remark of [...unknownVariables(io.env), ...nodeRemarks(config, process.versions.node)])
    io.stderr.write(`rampart: ${remark}\n`);
  try {
    return await host.run();
  } finally {
    lock.release();
  }
}

/** What systemd passes to this process; its variables are removed, because they do not mean the children. */
function serviceOf(config: Config, { env }: CommandIo): HostRunOptions['service'] {
  const { sockets, problems } = activatedSockets(env, process.pid, listenersOf(config), config.env.GATEWAY_WORKERS);
  if (problems.length > 0) throw new UsageError('Cannot use the sockets of the service manager:', problems);
  const service = { sockets, env: { ...env } };
  for (const name of SERVICE_VARIABLES) delete process.env[name];
  return service;
}
