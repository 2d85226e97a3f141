import { Control } from '../control/control.ts';
import { startAdminServer } from '../control/admin-server.ts';
import { portTaken } from '../supervisor/public-socket.ts';
import { prepareDatabase } from './database.ts';
import { askedForHelp } from './help.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { announceReady, enterRole, stopRequested } from './role.ts';
import { version } from './version.ts';

const help = `usage: rampart control

Runs control: health checks, permits, metrics and the admin API on ADMIN_HOST:ADMIN_PORT. Brings the database
up to date, and runs the embedded one when DATABASE_URL is not set. One per host.
`;

/** `rampart control`. */
export async function control(args: string[], io: CommandIo): Promise<number> {
  if (askedForHelp(args, io, { help, known: [] })) return exitCodes.ok;
  const context = await enterRole('control', io);
  const { config, clock, random, log, runFolder } = context;
  const { ADMIN_HOST: host, ADMIN_PORT: port, ADMIN_TOKEN: token } = config.env;
  // Under `rampart start` the supervisor has seen to the database.
  const database = io.env['RAMPART_SUPERVISED'] === '1' ? undefined : await prepareDatabase(config);
  const running = new Control({ config, clock, random, log, runFolder, version });
  await running.listen();
  const admin = await startAdminServer(running, { host, port, token }).catch((error: unknown) => {
    throw portTaken('the admin API', 'ADMIN_PORT', host, port, error);
  });
  announceReady();
  log.debug({ host, port }, 'control ready');
  log.debug({ signal: await stopRequested() }, 'control stopping');
  admin.close();
  admin.closeAllConnections();
  await running.close();
  await database?.stop();
  return exitCodes.ok;
}
