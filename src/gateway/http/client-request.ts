import type { Duplex } from 'node:stream';
import type { Refusal } from '../refusal.ts';

/** What a protocol adapter reads of a client: one request, whichever version of HTTP carries it. */
export interface ClientRequest {
  readonly method: string;
  /** The target as it came. */
  readonly target: string;
  /** The header lines as they came: name, value, name, value. */
  readonly headerLines: readonly string[];
  /** The version of HTTP as Via has it: `1.0`, `1.1`. */
  readonly version: string;
  /** The address of the peer; undefined once its connection has closed. */
  readonly peerAddress: string | undefined;
  /** There when the client asks for a WebSocket. */
  readonly upgrade: ClientUpgrade | undefined;
  /** Checks the fields by which the protocol frames a request, or says why the request cannot be taken. */
  framing(fields: FramingFields): Framing | Refusal;
  /** Passes the body on until `stopBody`, and asks the client for it if the client waits to be asked. */
  receiveBody(receiver: BodyReceiver): void;
  pauseBody(): void;
  resumeBody(): void;
  /** Tells the receiver nothing more. The rest of the body is thrown away as it comes, unless it is paused. */
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
  /** Empty where an HTTP/1.0 request names none. */
  readonly host: string;
  /** Bytes of the body; undefined where only its end will tell. */
  readonly contentLength: number | undefined;
}

/** Takes a request's body as it comes. */
export interface BodyReceiver {
  bodyData(chunk: Buffer): void;
  /** All of the body has come. */
  bodyEnd(): void;
  /** The client left before its body was complete. */
  bodyAborted(): void;
}

/** An upgrade that a client asks for. */
export interface ClientUpgrade {
  /**
   * Switches protocols and hands the connection over, with what the client has sent behind its request. `headers`: name,
   * value, name, value.
   */
  accept(headers: readonly string[]): { readonly socket: Duplex; readonly head: Buffer };
  /** The client gets a reply instead, and what it has sent for the tunnel is thrown away. */
  decline(): void;
  /** The accepted connection has closed. */
  closed(): void;
}
