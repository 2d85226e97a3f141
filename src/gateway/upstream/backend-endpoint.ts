import { buildConnector } from 'undici';
import type { UpstreamTls } from '../../config/model.ts';
import { httpOrigin, socketPathOf } from '../../core/backend-url.ts';
import { TlsFiles } from '../../core/tls-files.ts';

export type Connector = ReturnType<typeof buildConnector>;

/** How a backend is reached: its address or its Unix socket, with TLS or without. */
export class BackendEndpoint {
  readonly #connectMs: number;
  #tls: UpstreamTls | undefined;
  #files: TlsFiles | undefined;
  #socketPath: string | undefined;
  /** Of its URL; the one of a Unix socket is `localhost`. */
  hostname = '';
  #connector: Connector | undefined;

  constructor(connectMs: number) {
    this.#connectMs = connectMs;
  }

  /** New connections go here. */
  use(origin: string, tls: UpstreamTls | undefined): void {
    this.#socketPath = socketPathOf(origin);
    this.hostname = new URL(httpOrigin(origin)).hostname;
    this.#tls = origin.startsWith('https:') ? tls : undefined;
    this.#files = this.#tls === undefined ? undefined : new TlsFiles(this.#tls);
    this.#connector = undefined;
  }

  /** Whether a file of its TLS has changed; new connections then use the new ones. False if one cannot be read. */
  hasNewFiles(): boolean {
    if (this.#files === undefined || this.#connector === undefined) return false;
    try {
      if (!this.#files.read()) return false;
    } catch {
      // A file is about to be replaced, or is gone: what was read before stays in use.
      return false;
    }
    this.#connector = undefined;
    return true;
  }

  /** Opens a connection, as undici asks for one. */
  readonly connect: Connector = (target, callback) => {
    try {
      this.#connector ??= this.#build();
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    // The name in the certificate is that of the upstream, whatever a client calls itself.
    this.#connector({ ...target, servername: '' }, callback);
  };

  #build(): Connector {
    const timeout = this.#connectMs;
    if (this.#socketPath !== undefined) return buildConnector({ timeout, socketPath: this.#socketPath });
    const tls = this.#tls;
    if (tls === undefined) return buildConnector({ timeout });
    this.#files?.read();
    return buildConnector({
      timeout,
      ...this.#files?.parts,
      ...(tls.serverName !== undefined && { servername: tls.serverName }),
      rejectUnauthorized: tls.verify,
    });
  }
}
