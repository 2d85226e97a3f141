import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../../src/core/random.ts';
import { machineNowMs } from '../../src/core/machine-time.ts';
import type { Direction } from './network.ts';

export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

/** What the relay does to connections; `to` is the way from the client to the server. */
export type RelayTrouble =
  | { readonly kind: 'none' }
  /** Each piece arrives later, in its order. */
  | { readonly kind: 'delay'; readonly delayMs: number; readonly jitterMs: number }
  /** Bytes wait until the trouble is over and then arrive: a call that its sender has given up still runs. */
  | { readonly kind: 'stall'; readonly direction: Direction }
  /** Bytes are lost, new connections lead nowhere; at the end the connections concerned are reset. */
  | { readonly kind: 'cut'; readonly direction: Direction }
  /** No new connection, and those that were there are reset. */
  | { readonly kind: 'refuse' };

/** One way of a connection: pieces that wait, in order. */
interface Way {
  readonly direction: 'to' | 'from';
  readonly sink: Socket;
  readonly waiting: { readonly chunk: Buffer; readonly dueMs: number }[];
  lastDueMs: number;
  hasLost: boolean;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly ways: readonly Way[];
}

/** A TCP relay that can be slow, stall, lose, half-close and reset: a small toxiproxy. */
export class Relay {
  readonly #server: Server;
  readonly #random: Random;
  readonly #pairs = new Set<Pair>();
  #target: RelayTarget;
  #trouble: RelayTrouble = { kind: 'none' };

  constructor(target: RelayTarget, random: Random) {
    this.#target = target;
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#open(client));
  }

  listen(address: string, port: number): Promise<RelayTarget> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, address, () => {
        const bound = this.#server.address();
        resolve({ address, port: bound !== null && typeof bound === 'object' ? bound.port : port });
      });
    });
  }

  /** Leads elsewhere from now on; connections to the former server are reset, as by a load balancer that follows a primary. */
  pointTo(target: RelayTarget): void {
    if (target.address === this.#target.address && target.port === this.#target.port) return;
    this.#target = target;
    this.reset();
  }

  /** Makes trouble in place of the one before. `none` ends it. */
  trouble(trouble: RelayTrouble): void {
    this.#trouble = trouble;
    if (trouble.kind === 'refuse') this.reset();
    for (const pair of this.#pairs) {
      if (pair.ways.some(({ hasLost }) => hasLost) && trouble.kind !== 'cut') destroy(pair);
      else for (const way of pair.ways) this.#pass(way);
    }
  }

  /** Resets every connection that there is (RST). */
  reset(): void {
    for (const pair of this.#pairs) destroy(pair);
  }

  /** Ends the clients' side of every connection (FIN) and leaves the servers' side open. */
  halfClose(): void {
    for (const { client } of this.#pairs) client.end();
  }

  close(): Promise<void> {
    this.reset();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }

  #open(client: Socket): void {
    client.on('error', () => {});
    if (this.#trouble.kind === 'refuse') return void client.resetAndDestroy();
    const server = connect({ host: this.#target.address, port: this.#target.port, allowHalfOpen: true, noDelay: true });
    client.setNoDelay(true);
    const way = (direction: Way['direction'], sink: Socket): Way => ({
      direction,
      sink,
      waiting: [],
      lastDueMs: 0,
      hasLost: false,
    });
    const [there, back] = [way('to', server), way('from', client)];
    const pair: Pair = { client, server, ways: [there, back] };
    this.#pairs.add(pair);
    client.on('data', (chunk: Buffer) => this.#take(there, chunk));
    server.on('data', (chunk: Buffer) => this.#take(back, chunk));
    client.on('end', () => server.end());
    server.on('end', () => client.end());
    server.on('error', () => client.resetAndDestroy());
    for (const socket of [client, server])
      socket.on('close', () => {
        this.#pairs.delete(pair);
        destroy(pair);
      });
  }

  #take(way: Way, chunk: Buffer): void {
    if (this.#trouble.kind === 'cut' && isHit(this.#trouble.direction, way)) {
      way.hasLost = true;
      return;
    }
    const { delayMs, jitterMs } = this.#trouble.kind === 'delay' ? this.#trouble : { delayMs: 0, jitterMs: 0 };
    // No piece overtakes the one before it.
    way.lastDueMs = Math.max(way.lastDueMs, machineNowMs() + delayMs + this.#random() * jitterMs);
    way.waiting.push({ chunk, dueMs: way.lastDueMs });
    this.#pass(way);
  }

  /** Sends what is due; comes again for the rest. */
  #pass(way: Way): void {
    if (this.#trouble.kind === 'stall' && isHit(this.#trouble.direction, way)) return;
    for (let next = way.waiting[0]; next !== undefined; next = way.waiting[0]) {
      const inMs = next.dueMs - machineNowMs();
      if (inMs > 0) return void setTimeout(() => this.#pass(way), Math.ceil(inMs));
      way.waiting.shift();
      if (way.sink.writable) way.sink.write(next.chunk);
    }
  }
}

const isHit = (direction: Direction, way: Way): boolean => direction === 'both' || direction === way.direction;

function destroy({ client, server }: Pair): void {
  if (!client.destroyed) client.resetAndDestroy();
  if (!server.destroyed) server.resetAndDestroy();
}
