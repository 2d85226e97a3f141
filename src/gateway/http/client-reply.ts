/** The reply to one request, which a protocol adapter writes in its version of HTTP. */
export interface ClientReply {
  /** The status of the written head. */
  readonly status: number;
  readonly headSent: boolean;
  /** `end` has been called. */
  readonly ended: boolean;
  /** The whole reply has been handed to the system. */
  readonly isDelivered: boolean;
  /** The reply has been cut, or its client has gone. */
  readonly isCut: boolean;
  /** The client has left a buffer unread: nothing should be written before `drained` is called. */
  readonly isFull: boolean;
  /**
   * Bytes that the system has accepted for the client on this connection, in earlier replies too: only the difference of
   * two readings counts.
   */
  readonly deliveredBytes: number;
  /** Bytes of the body, or of the tunnel, that have been written so far. */
  readonly writtenBytes: number;
  /** Asks for the connection to end with this reply, in protocols whose connections carry one reply at a time. */
  closeAfterReply: boolean;
  /** Sets the owner that is called at the end of the reply. */
  ownedBy(owner: ReplyOwner): void;
  /** Sets the writer that is called when the reply accepts more again. */
  filledBy(writer: ReplyWriter): void;
  /**
   * Writes a 1xx reply, if the protocol has them and the final head has not been sent. `headers`: name, value, name,
   * value.
   */
  writeInformational(status: number, headers: readonly string[]): void;
  /** `headers`: name, value, name, value, without those of the connection. */
  writeHead(status: number, headers: string[]): void;
  /** Sends a head before its body is available. */
  flushHead(): void;
  /** False if the reply is full; the chunk is accepted in any case. */
  write(chunk: Uint8Array): boolean;
  end(data?: string | Uint8Array, encoding?: BufferEncoding): void;
  /** Cuts a reply that is incomplete, so that the client sees that it is incomplete. */
  cut(): void;
  /** Ends the client's connection after a bug. */
  abort(): void;
}

/** Called once when a reply has ended: it is complete, or its client has gone. */
export interface ReplyOwner {
  closed(): void;
}

/** Called when a reply accepts more again. */
export interface ReplyWriter {
  drained(): void;
}
