import type { Duplex } from 'node:stream';
import type { ClientCertificate } from './client-certificate.ts';
import type { Refusal } from '../refusal.ts';

/** One request, which a protocol adapter reads in its version of HTTP. */
export interface ClientRequest {
  readonly method: string;
  /** The target as received. */
  readonly target: string;
  /** The header lines as received: name, value, name, value. */
  readonly headerLines: readonly string[];
  /** The version of HTTP as Via has it: `1.0`, `1.1`. */
  readonly version: string;
  readonly scheme: 'http' | 'https';
  /** The name that the client's TLS handshake asked for, where the request must be for that one. */
  readonly serverName?: string | undefined;
  /** The client's verified certificate; undefined if it has none. */
  readonly certificate?: ClientCertificate | undefined;
  /** Bytes of the body, or of the tunnel, that have arrived. */
  readonly receivedBytes: number;
  /** The address of the peer; undefined once its connection has closed. */
  readonly peerAddress: string | undefined;
  /** Set if the client asks for a WebSocket. */
  readonly upgrade: ClientUpgrade | undefined;
  /** Checks the fields that frame a request in this protocol; a refusal if they are invalid. */
  framing(fields: FramingFields): Framing | Refusal;
  /** Passes the body to the receiver until `stopBody`, and sends `100 Continue` if the client waits for it. */
  receiveBody(receiver: BodyReceiver): void;
  pauseBody(): void;
  resumeBody(): void;
  /** Stops calling the receiver. The rest of the body is dropped as it arrives, unless the body is paused. */
  stopBody(): void;
}

/** Header fields whose meaning depends on the protocol. */
export interface FramingFields {
  readonly host?: string;
  readonly contentLength?: string;
  readonly transferEncoding?: string;
}

/** The host and the length of the body by the rules of the protocol. */
export interface Framing {
  /** Empty if an HTTP/1.0 request names none. */
  readonly host: string;
  /** Bytes of the body; undefined if the length is not announced. */
  readonly contentLength: number | undefined;
}

/** Receives a request's body as it arrives. */
export interface BodyReceiver {
  bodyData(chunk: Buffer): void;
  /** The body is complete. */
  bodyEnd(): void;
  /** The client left before its body was complete. */
  bodyAborted(): void;
}

/** An upgrade that a client asks for. */
export interface ClientUpgrade {
  /**
   * Switches protocols and hands the connection over, with the bytes that the client has sent after its request.
   * `headers`: name, value, name, value.
   */
  accept(headers: readonly string[]): { readonly socket: Duplex; readonly head: Buffer };
  /** Sends a reply instead, and drops the bytes that the client has sent for the tunnel. */
  decline(): void;
  /** Bytes of the tunnel, once it is accepted. */
  readonly receivedBytes: number;
  readonly writtenBytes: number;
  /** The accepted connection has closed. */
  closed(): void;
}
