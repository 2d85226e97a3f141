import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type ClientCertificate, clientCertificate } from '../http/client-certificate.ts';

/** The clients' certificates of the connections of a server, each read once. */
export class PeerCertificates {
  readonly #known = new WeakMap<Socket, { readonly certificate: ClientCertificate | undefined }>();

  /** Undefined without TLS, and for a client that has presented none, or none that was verified. */
  of(socket: Socket): ClientCertificate | undefined {
    const known = this.#known.get(socket);
    if (known !== undefined) return known.certificate;
    const certificate = peerCertificate(socket);
    this.#known.set(socket, { certificate });
    return certificate;
  }
}

export function peerCertificate(socket: Socket): ClientCertificate | undefined {
  if (!isSecured(socket) || !socket.authorized) return undefined;
  const presented = socket.getPeerX509Certificate();
  return presented && clientCertificate(presented);
}

const isSecured = (socket: Socket): socket is TLSSocket => 'encrypted' in socket;
