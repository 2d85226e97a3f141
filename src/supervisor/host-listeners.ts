import type { Config } from '../config/model.ts';
import { bindPublicSockets, passedSockets, type PublicSockets } from './public-socket.ts';

/** Sockets that a service manager has opened, for each listener that has some. */
export type ActivatedSockets = Readonly<Partial<Record<HostListener['name'], readonly number[]>>>;

/** A listener that every worker of the host has. */
export interface HostListener {
  readonly name: 'public' | 'tls' | 'proxy';
  readonly port: number;
  /** The setting that names the port. */
  readonly setting: string;
  /** The variable by which a worker learns the descriptor of its socket. */
  readonly descriptor: string;
}

/** The listeners of the configuration, in the order of the descriptors that a worker gets. */
export function listenersOf({ env, tls, proxyProtocol }: Config): HostListener[] {
  const listeners: HostListener[] = [
    { name: 'public', port: env.PORT, setting: 'PORT', descriptor: 'RAMPART_LISTEN_FD' },
  ];
  if (tls !== undefined)
    listeners.push({ name: 'tls', port: tls.port, setting: 'TLS_PORT', descriptor: 'RAMPART_LISTEN_TLS_FD' });
  if (proxyProtocol !== undefined) {
    const { port } = proxyProtocol;
    listeners.push({ name: 'proxy', port, setting: 'proxyProtocol.port', descriptor: 'RAMPART_LISTEN_PROXY_FD' });
  }
  return listeners;
}

/** The first socket is descriptor 3 of a worker; 4 is its channel to the supervisor. */
const FIRST_DESCRIPTOR = 3;
const CHANNEL_DESCRIPTOR = 4;

/** The sockets of all listeners, one for each worker. */
export class HostSockets {
  readonly #listeners: readonly HostListener[];
  readonly #sockets: readonly PublicSockets[];

  private constructor(listeners: readonly HostListener[], sockets: readonly PublicSockets[]) {
    this.#listeners = listeners;
    this.#sockets = sockets;
  }

  /** Throws a UsageError if a port is taken. `activated`: the sockets that are open already. */
  static async bind(config: Config, besideOrphans: boolean, activated: ActivatedSockets): Promise<HostSockets> {
    const { HOST: host, GATEWAY_WORKERS: count } = config.env;
    const listeners = listenersOf(config);
    const sockets: PublicSockets[] = [];
    for (const { name, port, setting } of listeners) {
      const fds = activated[name];
      const own = { host, port, count, variable: setting };
      sockets.push(fds === undefined ? await bindPublicSockets(own, besideOrphans) : passedSockets(fds));
    }
    return new HostSockets(listeners, sockets);
  }

  /** The variables that name a worker's descriptors. */
  get variables(): Record<string, string> {
    const numbers = this.#listeners.map((_, index) => (index === 0 ? FIRST_DESCRIPTOR : CHANNEL_DESCRIPTOR + index));
    return Object.fromEntries(this.#listeners.map(({ descriptor }, index) => [descriptor, String(numbers[index])]));
  }

  /** The sockets of worker `index`, in the order of its descriptors. */
  fds(index: number): number[] {
    return this.#sockets.map((one) => one.fd(index));
  }

  /** Closes the sockets of a worker, and with them what waits there, and binds others. */
  renew(index: number): void {
    for (const one of this.#sockets) one.renew(index);
  }

  close(): void {
    for (const one of this.#sockets) one.close();
  }
}
