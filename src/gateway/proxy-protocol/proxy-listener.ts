import { once } from 'node:events';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { type AddressSet, canonicalAddress } from '../../core/addresses.ts';
import type { Clock } from '../../core/clock.ts';
import { readProxyHeader } from '../../core/proxy-header.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Counter, Registry } from '../../metrics/instruments.ts';
import { stopAccepting } from '../http/stop-accepting.ts';

/** A proxy sends the head at once, so a connection without one is not from a proxy. */
const HEAD_LIMIT_MS = 3000;

export interface ProxyListenerOptions {
  /** The proxies that are believed; connections of others are closed. */
  readonly from: AddressSet;
  /** Takes a connection whose `remoteAddress` is the client's. */
  readonly accept: (socket: Socket) => void;
  readonly closeIdle: () => void;
  readonly clock: Clock;
  readonly bugs: Bugs;
  readonly registry: Registry;
}

/** The listener for load balancers that tell the client's address by the PROXY protocol, version 2. */
export class ProxyListener {
  readonly server: Server;
  readonly #options: ProxyListenerOptions;
  readonly #waiting = new Set<Socket>();
  readonly #refused: Counter;

  constructor(options: ProxyListenerOptions) {
    const { bugs, registry } = options;
    this.#options = options;
    const help = 'Connections to the PROXY protocol listener that were closed';
    this.#refused = registry.counter('rampart_proxy_protocol_refused_total', help).of();
    this.server = createServer({ noDelay: true, allowHalfOpen: true });
    const connected = (socket: Socket): void => this.#connected(socket);
    this.server.on(
      'connection',
      bugs.guard('proxy-protocol', connected, (socket) => void socket.destroy()),
    );
  }

  /** Resolves when connections are accepted; rejects with the system's error. */
  async listen(options: ListenOptions | { readonly fd: number }): Promise<void> {
    this.server.listen(options);
    await once(this.server, 'listening');
  }

  stopAccepting(listenFd: number | undefined): Promise<void> {
    const closeIdle = (): void => {
      this.dropAll();
      this.#options.closeIdle();
    };
    return stopAccepting(this.server, closeIdle, this.#options, listenFd);
  }

  /** Ends the connections whose head has not come. */
  dropAll(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  #connected(socket: Socket): void {
    const { from, clock, bugs } = this.#options;
    socket.on('error', () => {});
    if (!from.has(canonicalAddress(socket.remoteAddress ?? ''))) {
      this.#refuse(socket);
      return;
    }
    this.#waiting.add(socket);
    const timer = clock.setTimeout(() => this.#refuse(socket), HEAD_LIMIT_MS);
    const destroy = (): void => void socket.destroy();
    let head: Buffer = Buffer.alloc(0);
    const take = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      head = Buffer.concat([head, chunk]);
      this.#read(socket, head, done);
    };
    const read = bugs.guard('proxy-protocol', take, destroy);
    const ended = bugs.guard('proxy-protocol', () => this.#refuse(socket), destroy);
    const closed = bugs.guard('proxy-protocol', () => done(), destroy);
    const done = (): void => {
      timer.cancel();
      this.#waiting.delete(socket);
      socket.off('readable', read).off('end', ended).off('close', closed);
    };
    socket.on('readable', read).on('end', ended).on('close', closed);
  }

  /** `done` ends the reading of the head. */
  #read(socket: Socket, bytes: Buffer, done: () => void): void {
    const head = readProxyHeader(bytes);
    if (head === 'malformed') {
      this.#refuse(socket);
      return;
    }
    if (head === 'incomplete') return;
    done();
    if (bytes.length > head.bytes) socket.unshift(bytes.subarray(head.bytes));
    if (head.address !== undefined)
      Object.defineProperty(socket, 'remoteAddress', { value: canonicalAddress(head.address) });
    this.#options.accept(socket);
  }

  #refuse(socket: Socket): void {
    this.#refused.value++;
    socket.destroy();
  }
}
