import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Timer } from '../../core/clock.ts';
import type { ReplyHeaders } from '../upstream/reply-sink.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayContext } from '../context.ts';
import { deliveredBytes } from '../http/delivered-bytes.ts';
import { ClientSink, type ClientSinkOptions, replyHeaders } from '../http/reply-sinks.ts';
import type { Endless } from './tunnels.ts';
import { FrameTracker, goingAwayFrame } from './frames.ts';

/** How long one side may be silent after the other has ended, so that buffered bytes are still delivered. */
const HALF_OPEN_LIMIT_MS = 5_000;

/**
 * Takes the reply to an upgrade: opens a tunnel if the backend switches protocols, and otherwise forwards its reply.
 */
export class TunnelSink extends ClientSink {
  readonly #x: Exchange;
  readonly #gateway: GatewayContext;
  readonly #idleTimeoutMs: number;

  constructor(x: Exchange, gateway: GatewayContext, options: ClientSinkOptions & { idleTimeoutMs: number }) {
    super(x, options);
    this.#x = x;
    this.#gateway = gateway;
    this.#idleTimeoutMs = options.idleTimeoutMs;
  }

  override head(status: number, headers: ReplyHeaders): void {
    super.head(status, headers);
    // If the client's bytes for the refused tunnel stayed unread, they would hide the end of the connection.
    this.#x.request.upgrade?.decline();
  }

  upgrade(headers: ReplyHeaders, backend: Duplex, done: () => void): void {
    const x = this.#x;
    const { upgrade } = x.request;
    const { tunnels, clock, bugs } = this.#gateway;
    if (upgrade === undefined || x.over) {
      backend.destroy();
      x.reply.cut();
      done();
      return;
    }
    x.tunnelled = true;
    const fields = replyHeaders(headers, 101);
    x.addCommonHeaders(fields);
    const { socket: client, head } = upgrade.accept(fields);
    const tunnel = new Tunnel(client, backend, {
      idleTimeoutMs: this.#idleTimeoutMs,
      setTimer: (callback, delayMs) => clock.setTimeout(callback, delayMs),
      onBug: (error) => bugs.report('tunnel', error, { requestId: x.id }),
      onEnd: () => {
        tunnels.remove(tunnel);
        done();
        upgrade.closed();
      },
    });
    tunnels.add(tunnel);
    tunnel.start(head);
  }
}

interface TunnelOptions {
  readonly idleTimeoutMs: number;
  readonly setTimer: (callback: () => void, delayMs: number) => Timer;
  readonly onBug: (error: unknown) => void;
  readonly onEnd: () => void;
}

/**
 * Copies bytes in both directions. When one side ends, its last bytes are delivered, and the other side may answer for
 * a while. When one side breaks, or both are silent for too long, the tunnel ends.
 */
class Tunnel implements Endless {
  readonly #client: Duplex;
  readonly #backend: Duplex;
  readonly #options: TunnelOptions;
  readonly #toClient = new FrameTracker();
  readonly #toBackend = new FrameTracker();
  #limit: Timer | undefined;
  #isShuttingDown = false;
  #hasToldBackend = false;
  #isOver = false;

  constructor(client: Duplex, backend: Duplex, options: TunnelOptions) {
    this.#client = client;
    this.#backend = backend;
    this.#options = options;
  }

  start(head: Buffer): void {
    const { idleTimeoutMs } = this.#options;
    for (const side of [this.#client, this.#backend]) {
      if ('setTimeout' in side && typeof side.setTimeout === 'function') {
        side.setTimeout(idleTimeoutMs, () => this.#guard(() => this.#end()));
      }
    }
    if (head.length > 0) this.#pass(this.#client, this.#backend, this.#toBackend, head);
    this.#join(this.#client, this.#backend, this.#toBackend);
    this.#join(this.#backend, this.#client, this.#toClient);
    // A side that ended before it was joined emits no second `end`.
    if (this.#client.readableEnded) this.#halfEnd(this.#backend);
    if (this.#backend.readableEnded) this.#halfEnd(this.#client);
    if (this.#client.destroyed || this.#backend.destroyed) this.#end();
  }

  /** Sends a close frame to both sides, between two frames; then each side may finish. */
  shutDown(): void {
    this.#isShuttingDown = true;
    this.#sayGoingAway();
    if (this.#limit === undefined) this.#armLimit();
  }

  #join(from: Duplex, to: Duplex, frames: FrameTracker): void {
    from.on('data', (chunk: Buffer) => this.#guard(() => this.#pass(from, to, frames, chunk)));
    to.on('drain', () => this.#guard(() => void from.resume()));
    from.on('end', () => this.#guard(() => this.#halfEnd(to)));
    // An error, or a close after the side has ended.
    from.on('error', () => this.#guard(() => this.#end()));
    from.on('close', () => this.#guard(() => this.#closed(from, to)));
  }

  #pass(from: Duplex, to: Duplex, frames: FrameTracker, chunk: Buffer): void {
    if (to.writableEnded || (to === this.#backend && this.#hasToldBackend)) return;
    frames.pass(chunk);
    if (!to.write(chunk)) from.pause();
    if (this.#isShuttingDown) this.#sayGoingAway();
  }

  #sayGoingAway(): void {
    if (this.#mayInterject(this.#client, this.#toClient)) {
      // A server ends the connection, a client waits for that (RFC 6455 §7.1.1).
      this.#client.end(this.#toClient.isClosed ? undefined : goingAwayFrame());
    }
    if (!this.#hasToldBackend && this.#mayInterject(this.#backend, this.#toBackend)) {
      this.#hasToldBackend = true;
      if (!this.#toBackend.isClosed) this.#backend.write(goingAwayFrame(randomBytes(4)));
    }
  }

  #mayInterject(side: Duplex, frames: FrameTracker): boolean {
    return !side.writableEnded && frames.isBetweenFrames;
  }

  /** One side has sent its last byte. */
  #halfEnd(other: Duplex): void {
    if (!other.writableEnded) other.end();
    if (this.#limit === undefined) this.#armLimit();
  }

  #closed(side: Duplex, other: Duplex): void {
    if (!side.readableEnded || other.destroyed) {
      this.#end();
      return;
    }
    // This side has sent all its bytes and can receive no more. The other side is closed when it has the remaining
    // bytes and has ended itself. If it were closed while it still sends, the kernel would reset the connection and
    // drop the remaining bytes.
    this.#halfEnd(other);
  }

  /** Ends a tunnel that has been half open for too long, unless bytes still move. */
  #armLimit(): void {
    const moved = this.#moved();
    this.#limit = this.#options.setTimer(() => {
      if (this.#moved() === moved) this.#end();
      else this.#armLimit();
    }, HALF_OPEN_LIMIT_MS);
  }

  #moved(): number {
    return deliveredBytes(this.#client as Socket) + deliveredBytes(this.#backend as Socket);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#limit?.cancel();
    this.#client.destroy();
    this.#backend.destroy();
    this.#options.onEnd();
  }

  #guard(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#options.onBug(error);
      this.#end();
    }
  }
}
