import { connect, type TLSSocket } from 'node:tls';

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
};
export const flags = { endStream: 1, ack: 1, endHeaders: 4 };

/** A frame as it stands on the wire (RFC 9113 §4.1). */
export function frame(type: number, flag: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flag, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** An integer with a prefix of seven bits (RFC 7541 §5.1). */
function integer(value: number): number[] {
  if (value < 127) return [value];
  const bytes = [127];
  for (let rest = value - 127; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) return bytes;
  }
}

/** Fields as literals that are not indexed, whatever bytes they have (RFC 7541 §6.2.2). */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const text = (said: string): Buffer => {
    const bytes = Buffer.from(said, 'latin1');
    return Buffer.concat([Buffer.from(integer(bytes.length)), bytes]);
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frameTypes.settings, 0, 0)]);

/** What the server has sent, frame by frame. */
export interface SentFrame {
  readonly type: number;
  readonly flag: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A connection that sends frames as a test makes them. */
export class RawHttp2 {
  readonly socket: TLSSocket;
  readonly frames: SentFrame[] = [];
  isClosed = false;
  #pending = Buffer.alloc(0);

  constructor(port: number) {
    this.socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      servername: 'shop.example',
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.socket.write(PREFACE);
  }

  send(...frames: readonly Buffer[]): boolean {
    return !this.isClosed && this.socket.write(Buffer.concat(frames));
  }

  /** The frames of a stream, or of the connection (0), of one type. */
  of(type: number, stream: number): SentFrame[] {
    return this.frames.filter((one) => one.type === type && one.stream === stream);
  }

  /** Whether the server has answered or ended this stream, or the connection. */
  hasEnded(stream: number): boolean {
    const ended = (one: SentFrame): boolean =>
      one.type === frameTypes.goaway ||
      (one.stream === stream &&
        (one.type === frameTypes.reset || (one.type <= frameTypes.headers && (one.flag & flags.endStream) !== 0)));
    return this.isClosed || this.frames.some(ended);
  }

  #take(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 9) {
      const length = this.#pending.readUIntBE(0, 3);
      if (this.#pending.length < 9 + length) return;
      this.frames.push({
        type: this.#pending.readUInt8(3),
        flag: this.#pending.readUInt8(4),
        stream: this.#pending.readUInt32BE(5) & 0x7fffffff,
        payload: this.#pending.subarray(9, 9 + length),
      });
      this.#pending = this.#pending.subarray(9 + length);
    }
  }
}
