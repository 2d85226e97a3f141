import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { usableNative } from '../../src/store/embedded/native.ts';
import { makePlacement, type Placement } from '../../src/store/embedded/placement.ts';
import { queryOnce, socketUrl } from '../../src/store/embedded/postmaster.ts';
import type { Certificate } from './certificates.ts';
import { temporaryFolder } from './postgres.ts';
import { eventually } from './raw.ts';
import { freePorts } from './stack.ts';

export interface TcpPostgres {
  readonly port: number;
  /** The folder of its Unix socket, whose file has the number of the port in its name. */
  readonly socketFolder: string;
  /** As the superuser, by the socket, without a password. */
  readonly adminUrl: string;
  stop(): Promise<void>;
}

/**
 * A PostgreSQL that listens at 127.0.0.1 and ::1, wants a password there, and speaks TLS with this certificate; the
 * embedded one does none of that.
 */
export async function startTcpPostgres(certificate: Certificate): Promise<TcpPostgres> {
  const dataDir = await temporaryFolder();
  // Makes the files of the database, and the database in it.
  await (await startEmbeddedPostgres({ dataDir })).stop();
  const place = await makePlacement(dataDir);
  await writeFile(join(place.data, 'pg_hba.conf'), 'local all all trust\nhost all all all scram-sha-256\n');
  for (const [name, text] of Object.entries({ 'server.crt': certificate.cert, 'server.key': certificate.key }))
    await putFor(place, join(place.data, name), text);
  const port = await freePorts(1);
  await mkdir(place.socketFolder, { recursive: true });
  if (place.account !== undefined) await chown(place.socketFolder, place.account.uid, place.account.gid);
  const settings = {
    listen_addresses: '127.0.0.1,::1',
    port: String(port),
    unix_socket_directories: place.socketFolder,
    ssl: 'on',
    fsync: 'off',
  };
  const native = await usableNative(place.folder, place.account);
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child: ChildProcess = spawn(join(native, 'bin', 'postgres'), ['-D', place.data, ...args], {
    ...place.account,
    cwd: '/',
    env: { LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  const adminUrl = `${socketUrl(place.socketFolder)}&port=${port}`;
  await eventually(`PostgreSQL answers at ${port}`, async () => {
    if (child.exitCode !== null) throw new Error(`PostgreSQL did not start: ${log}`);
    return queryOnce(adminUrl, 'SELECT 1').then(
      () => true,
      () => false,
    );
  });
  return {
    port,
    socketFolder: place.socketFolder,
    adminUrl,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      await ended;
    },
  };
}

/** A file that the server's account alone may read. */
async function putFor({ account }: Placement, path: string, text: string): Promise<void> {
  await writeFile(path, text);
  if (account !== undefined) await chown(path, account.uid, account.gid);
  await chmod(path, 0o600);
}
