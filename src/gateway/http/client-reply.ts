/** Where a protocol adapter takes the reply to one request, whichever version of HTTP carries it. */
export interface ClientReply {
  /** Of the head that has been written. */
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
  /** Bytes that the system has taken for the client. */
  readonly deliveredBytes: number;
  /** The connection should end with this reply, where the protocol has connections that carry one reply at a time. */
  closeAfterReply: boolean;
  /** Names who hears of the end of the reply; before that nobody does. */
  ownedBy(owner: ReplyOwner): void;
  /** Names who is told that the reply takes more again. */
  filledBy(writer: ReplyWriter): void;
  /** Writes a 1xx reply, where the protocol has them and the final head has not been sent. `headers`: name, value, name, value. */
  writeInformational(status: number, headers: readonly string[]): void;
  /** `headers`: name, value, name, value, without those of the connection. */
  writeHead(status: number, headers: string[]): void;
  /** Sends a head whose body takes its time. */
  flushHead(): void;
  /** False: the reply is full. The chunk was taken all the same. */
  write(chunk: Uint8Array): boolean;
  end(data?: string | Uint8Array, encoding?: BufferEncoding): void;
  /** Ends a reply that is not whole, so that nobody takes it for whole. */
  cut(): void;
  /** Ends the client's connection after a bug. */
  abort(): void;
}

/** Hears once that a reply has ended: it is out, or its client has gone. */
export interface ReplyOwner {
  closed(): void;
}

/** Hears that a reply takes more again. */
export interface ReplyWriter {
  drained(): void;
}
