import type { AddressInfo, ListenOptions, Server, Socket } from 'node:net';
import type { Random } from '../core/random.ts';
import { AddressSet } from '../core/addresses.ts';
import type { ProxyProtocolConfig } from '../config/proxy-protocol.ts';
import type { GatewayContext } from './context.ts';
import { openItemServer, openServer, type PublicServer, secureAcceptors } from './open-server.ts';
import { ProxyListener } from './proxy-protocol/proxy-listener.ts';
import { openTls } from './tls/open-tls.ts';
import type { TlsServer } from './tls/tls-server.ts';
import type { WorkerVersion } from './worker-version.ts';

/** `public`: PORT · `tls`: TLS_PORT · `proxy`: for load balancers that speak the PROXY protocol · `items`: for batch workers. */
export type ListenerName = 'public' | 'tls' | 'proxy' | 'items';

/** On an address, or on a socket that only this process has. */
export type ListenPlace = ListenOptions | { readonly fd: number };

/** The listeners of a worker: the public one, and those that the configuration adds. */
export class Listeners {
  readonly public: PublicServer;
  readonly tls: TlsServer | undefined;
  readonly #proxy: ProxyListener | undefined;
  readonly #items: PublicServer | undefined;
  readonly #fds: Partial<Record<ListenerName, number>> = {};

  constructor(context: GatewayContext, random: Random, current: () => WorkerVersion) {
    const { tls, proxyProtocol } = context.config;
    this.public = openServer(context, random, current);
    this.tls = tls && openTls(tls, context, secureAcceptors(this.public, context, random, current));
    this.#proxy = proxyProtocol && this.#openProxy(proxyProtocol, context);
    this.#items = current().hasItems ? openItemServer(context, random, current) : undefined;
  }

  /** Resolves when connections are accepted; rejects with the system's error. */
  async listen(name: ListenerName, place: ListenPlace): Promise<void> {
    if ('fd' in place) this.#fds[name] = place.fd;
    await this.#of(name)?.listen(place);
  }

  /** Undefined if there is no such listener. */
  addressOf(name: ListenerName): AddressInfo | undefined {
    return this.#of(name)?.server.address() as AddressInfo | undefined;
  }

  get servers(): Server[] {
    return [this.public, this.tls, this.#proxy].flatMap((one) => (one === undefined ? [] : [one.server]));
  }

  /** Resolves when the last connection of all of them is closed. */
  async stopAccepting(): Promise<void> {
    const names = ['public', 'tls', 'proxy', 'items'] as const;
    await Promise.all(names.map((name) => this.#of(name)?.stopAccepting(this.#fds[name])));
  }

  /** Ends every connection. */
  dropAll(): void {
    this.public.server.closeAllConnections();
    this.tls?.dropAll();
    this.#proxy?.dropAll();
    this.#items?.server.closeAllConnections();
  }

  close(): void {
    this.public.close();
    this.tls?.close();
    this.#items?.close();
  }

  #of(name: ListenerName): PublicServer | TlsServer | ProxyListener | undefined {
    return { public: this.public, tls: this.tls, proxy: this.#proxy, items: this.#items }[name];
  }

  #openProxy({ from, tls }: ProxyProtocolConfig, { clock, bugs, metrics }: GatewayContext): ProxyListener {
    const secure = tls ? this.tls : undefined;
    return new ProxyListener({
      from: new AddressSet(from),
      accept: (socket: Socket) => (secure ?? this.public).accept(socket),
      closeIdle: () => this.public.closeIdle(),
      clock,
      bugs,
      registry: metrics.registry,
    });
  }
}
