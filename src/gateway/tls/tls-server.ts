import { once } from 'node:events';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContext,
  type Server as NodeTlsServer,
  type TLSSocket,
} from 'node:tls';
import type { CertificateFiles } from '../../config/model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Counter, Registry } from '../../metrics/instruments.ts';
import { stopAccepting } from '../http/stop-accepting.ts';
import type { Certificates } from './certificates.ts';
import { PendingHandshakes } from './pending-handshakes.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long a session can be resumed. */
const SESSION_SECONDS = 4 * 3600;

/** The servers to which decrypted connections go. */
export interface SecureAcceptors {
  /** `protocol`: the one that was chosen in the handshake; empty if the client named none. */
  accept(socket: TLSSocket, protocol: string): void;
  /** Whether a client at this address may choose HTTP/2. */
  mayUseHttp2(address: string | undefined): boolean;
  /** Closes their connections that have no request. */
  closeIdle(): void;
  /** Ends all of their connections. */
  dropAll(): void;
  close(): void;
}

export interface TlsServerOptions {
  readonly certificates: Certificates;
  /** What clients may choose among (ALPN, RFC 7301), the preferred one first. */
  readonly protocols: readonly ('h2' | 'http/1.1')[];
  /** Whether clients must, or may, present a certificate of the configured authorities. */
  readonly clientCertificates: 'none' | 'required' | 'optional';
  readonly acceptors: SecureAcceptors;
  /** A connection was closed because too many handshakes were under way. */
  readonly onOverflow: () => void;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly bugs: Bugs;
}

/** Handshakes of a worker by their result. */
interface HandshakeCounts {
  readonly full: Counter;
  readonly resumed: Counter;
  readonly failed: Counter;
}

/** The TLS listener of a worker: makes the handshakes, and hands the decrypted connections to the servers of HTTP. */
export class TlsServer {
  /** Accepts connections, before TLS. */
  readonly server: Server;
  readonly #tls: NodeTlsServer;
  readonly #options: TlsServerOptions;
  readonly #pending: PendingHandshakes;
  readonly #counts: HandshakeCounts;

  constructor(options: TlsServerOptions) {
    const { certificates, registry, bugs } = options;
    this.#options = options;
    this.#pending = new PendingHandshakes(bugs);
    const handshakes = registry.counter('rampart_tls_handshakes_total', 'TLS handshakes', 'result');
    this.#counts = { full: handshakes.of('full'), resumed: handshakes.of('resumed'), failed: handshakes.of('failed') };
    this.#tls = this.#createTlsServer();
    this.server = this.#createServer();
    certificates.onChange = () => this.#tls.setSecureContext(certificates.defaults);
  }

  /** Resolves when connections are accepted; rejects with the system's error. */
  async listen(options: ListenOptions | { readonly fd: number }): Promise<void> {
    this.server.listen(options);
    await once(this.server, 'listening');
  }

  /** As for the server of HTTP/1.1. Handshakes that are not complete after the grace for idle connections are ended. */
  stopAccepting(listenFd: number | undefined): Promise<void> {
    const closeIdle = (): void => {
      this.#pending.destroyAll();
      this.#options.acceptors.closeIdle();
    };
    return stopAccepting(this.server, closeIdle, this.#options, listenFd);
  }

  /** Ends the handshakes that are under way, and the connections of HTTP/2. */
  dropAll(): void {
    this.#pending.destroyAll();
    this.#options.acceptors.dropAll();
  }

  useTicketKey(key: Buffer): void {
    this.#options.certificates.useTicketKeys(key);
  }

  /** Reads other certificates, which are in force when the returned function is called; throws a UsageError. */
  prepareCertificates(files: readonly CertificateFiles[]): () => void {
    return this.#options.certificates.prepare(files);
  }

  close(): void {
    this.#options.acceptors.close();
    this.#options.certificates.close();
  }

  #createServer(): Server {
    const server = createServer({ noDelay: true });
    const connected = (socket: Socket): void => this.accept(socket);
    server.on(
      'connection',
      this.#options.bugs.guard('tls', connected, (socket) => void socket.destroy()),
    );
    return server;
  }

  #createTlsServer(): NodeTlsServer {
    const { certificates, protocols, clientCertificates, bugs } = this.#options;
    const server = createTlsServer({
      ...certificates.defaults,
      ...(protocols.includes('h2') ? { ALPNCallback: this.#protocolChooser() } : { ALPNProtocols: [...protocols] }),
      SNICallback: (name, done) => this.#chooseContext(name, done),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      sessionTimeout: SESSION_SECONDS,
      // One for all workers, and fixed, because a session is resumed only in the context in which it began.
      sessionIdContext: 'rampart',
      requestCert: clientCertificates !== 'none',
      rejectUnauthorized: clientCertificates === 'required',
    });
    const secured = (socket: TLSSocket): void => this.#secured(socket);
    server.on(
      'secureConnection',
      bugs.guard('tls', secured, (socket) => void socket.destroy()),
    );
    server.on(
      'tlsClientError',
      bugs.guard('tls', () => this.#failed()),
    );
    return server;
  }

  /** Node calls it, without a guard of its own, on the connection. Undefined ends the handshake with an alert. */
  #protocolChooser(): (this: unknown, offer: { readonly protocols: readonly string[] }) => string | undefined {
    const { protocols, acceptors, bugs } = this.#options;
    const choose = (socket: TLSSocket, offered: readonly string[]): string | undefined => {
      const mayUseHttp2 = acceptors.mayUseHttp2(rawSocketOf(socket)?.remoteAddress ?? socket.remoteAddress);
      return protocols.find((one) => offered.includes(one) && (one !== 'h2' || mayUseHttp2));
    };
    return function (this: unknown, { protocols: offered }) {
      try {
        return choose(this as TLSSocket, offered);
      } catch (error) {
        bugs.report('tls', error);
        return undefined;
      }
    };
  }

  /** Node calls this without a guard of its own. */
  #chooseContext(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    let context: SecureContext;
    try {
      context = this.#options.certificates.find(name);
    } catch (error) {
      this.#options.bugs.report('tls', error);
      done(new Error('no certificate could be chosen'));
      return;
    }
    done(null, context);
  }

  /** Begins the handshake of a connection. */
  accept(socket: Socket): void {
    if (this.#pending.begin(socket)) {
      this.#tls.emit('connection', socket);
      return;
    }
    this.#options.onOverflow();
    socket.destroy();
  }

  #secured(socket: TLSSocket): void {
    const raw = rawSocketOf(socket);
    if (raw !== undefined) {
      this.#pending.end(raw);
      // Behind a load balancer the connection itself knows only the balancer's address.
      if (Object.hasOwn(raw, 'remoteAddress'))
        Object.defineProperty(socket, 'remoteAddress', { value: raw.remoteAddress });
    }
    if (this.#hasWrongCertificate(socket)) {
      this.#failed();
      socket.destroy();
      return;
    }
    // From here on, a client may end its side and wait for the reply, as without TLS. One that ends it within its handshake
    // has gone.
    socket.allowHalfOpen = true;
    this.#counts[socket.isSessionReused() ? 'resumed' : 'full'].value++;
    this.#options.acceptors.accept(
      socket,
      socket.alpnProtocol === false || socket.alpnProtocol === null ? '' : socket.alpnProtocol,
    );
  }

  /** Where certificates are optional, a client may have none, but not a wrong one. */
  #hasWrongCertificate(socket: TLSSocket): boolean {
    const { clientCertificates } = this.#options;
    return clientCertificates === 'optional' && !socket.authorized && socket.getPeerX509Certificate() !== undefined;
  }

  #failed(): void {
    this.#counts.failed.value++;
  }
}

/** The connection below TLS: undocumented, and the only way from one to the other. */
const rawSocketOf = (socket: TLSSocket): Socket | undefined => (socket as { readonly _parent?: Socket })._parent;
