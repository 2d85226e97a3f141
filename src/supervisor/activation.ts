import type { ActivatedSockets, HostListener } from './host-listeners.ts';

/** The first socket that a service manager passes: SD_LISTEN_FDS_START of sd_listen_fds(3). */
const FIRST_FD = 3;
const MOST_SOCKETS = 1024;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The sockets that systemd passes to this process (sd_listen_fds(3)): by their FileDescriptorName, `public`, `tls` or
 * `proxy`; all of them are the public listener's if none has such a name. Several sockets of one port, with ReusePort,
 * are spread over the workers. Problems are sentences.
 */
export function activatedSockets(
  env: Env,
  pid: number,
  listeners: readonly HostListener[],
  workers: number,
): { readonly sockets: ActivatedSockets; readonly problems: readonly string[] } {
  const count = Number(env['LISTEN_FDS'] ?? 0);
  if (env['LISTEN_PID'] !== String(pid) || !Number.isInteger(count) || count < 1 || count > MOST_SOCKETS)
    return { sockets: {}, problems: [] };
  const given = (env['LISTEN_FDNAMES'] ?? '').split(':');
  const known = ['public', 'tls', 'proxy'] as const;
  const isNamed = given.some((name) => known.some((each) => each === name));
  const sockets: Partial<Record<HostListener['name'], number[]>> = {};
  const problems: string[] = [];
  for (let index = 0; index < count; index++) {
    const text = given[index] ?? '';
    const name = isNamed ? known.find((each) => each === text) : 'public';
    if (name === undefined)
      problems.push(`FileDescriptorName of a socket must be one of ${known.join(', ')}: got '${text}'`);
    else (sockets[name] ??= []).push(FIRST_FD + index);
  }
  for (const [name, fds] of Object.entries(sockets)) {
    if (!listeners.some((listener) => listener.name === name))
      problems.push(`a socket is named ${name}, and no setting opens that listener`);
    if (fds.length > workers)
      problems.push(
        `GATEWAY_WORKERS must be at least the number of sockets named ${name}, as nobody would accept on the others: got ${workers} for ${fds.length}`,
      );
  }
  return { sockets, problems };
}

/** The variables by which a service manager speaks to this process; its children must not take them for theirs. */
export const SERVICE_VARIABLES = [
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_FDNAMES',
  'LISTEN_PIDFDID',
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
] as const;
