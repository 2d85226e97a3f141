import type { Socket } from 'node:net';
import { isHopByHop, nominated } from './hop-by-hop.ts';

const PREFIX = Buffer.from('HTTP/1.');
const END = Buffer.from('\r\n\r\n');
const MAX_HELD_BYTES = 16 * 1024;
const ONE = 0x31;
const nothing: Buffer = Buffer.alloc(0);

/**
 * Removes `100 Continue` from the bytes of a connection, wherever a reply may begin. From every other 1xx it removes
 * the fields of the connection, because they do not describe the reply that follows, but a parser that follows them
 * ends there.
 */
export class InterimFilter {
  #isExpectingHead = false;
  #held: Buffer = nothing;

  /** Whether the next bytes begin a reply, so that they must be checked. */
  get isExpectingHead(): boolean {
    return this.#isExpectingHead;
  }

  /** A request has been sent. */
  expectHead(): void {
    this.#isExpectingHead = true;
  }

  /** The remaining bytes; empty while they may still be a `100 Continue`. */
  pass(chunk: Buffer): Buffer {
    // Position 9 is the first digit of the status, which decides for nearly every reply.
    if (this.#held.length === 0 && chunk.length > 9 && chunk[9] !== ONE) {
      this.#isExpectingHead = false;
      return chunk;
    }
    let rest: Buffer = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = nothing;
    const passed: Buffer[] = [];
    while (rest.length > 0) {
      if (!mayBeInterim(rest)) {
        this.#isExpectingHead = false;
        passed.push(rest);
        break;
      }
      const end = rest.indexOf(END);
      if (end === -1) {
        if (rest.length > MAX_HELD_BYTES) {
          this.#isExpectingHead = false;
          passed.push(rest);
        } else this.#held = rest;
        break;
      }
      const head = rest.subarray(0, end + END.length);
      rest = rest.subarray(head.length);
      const status = head.toString('latin1', 9, 12);
      if (status === '101') {
        this.#isExpectingHead = false;
        passed.push(head, rest);
        break;
      }
      if (status !== '100') passed.push(withoutConnection(head));
    }
    return passed.length === 1 ? (passed[0] as Buffer) : Buffer.concat(passed);
  }
}

/**
 * The head of a 1xx reply without the fields of a connection or of the framing of a body, because a 1xx reply has no
 * body.
 */
function withoutConnection(head: Buffer): Buffer {
  const [statusLine = '', ...lines] = head.toString('latin1', 0, head.length - END.length).split('\r\n');
  const fields = lines.map((line) => {
    const colon = line.indexOf(':');
    return { line, name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() };
  });
  const options = fields.filter(({ name }) => name === 'connection').map(({ value }) => value);
  const dropped = options.length === 0 ? undefined : nominated(options.join(','));
  const kept = fields.filter(
    ({ name }) => name !== 'content-length' && !isHopByHop(name) && dropped?.has(name) !== true,
  );
  if (kept.length === fields.length) return head;
  return Buffer.from([statusLine, ...kept.map(({ line }) => line), '', ''].join('\r\n'), 'latin1');
}

/** Whether the bytes begin, as far as they go, with the status line of a 1xx reply. */
function mayBeInterim(bytes: Buffer): boolean {
  const known = Math.min(bytes.length, PREFIX.length);
  if (bytes.compare(PREFIX, 0, known, 0, known) !== 0) return false;
  return bytes.length <= 9 || bytes[9] === ONE;
}

/**
 * Hides every `100 Continue` on a connection from undici, which treats an unrequested one as an error, although RFC
 * 9110 §15.2 requires clients to accept it. undici reads in a listener of the socket, where an exception would be an
 * uncaught one. An exception therefore ends the connection, and is passed to `onBug`.
 */
export function leaveOutContinue(socket: Socket, onBug: (error: unknown) => void = () => {}): void {
  const filter = new InterimFilter();
  const { read, write } = socket;
  socket.write = ((...args: Parameters<Socket['write']>) => {
    if (isRequestHead(args[0])) filter.expectHead();
    return write.apply(socket, args);
  }) as Socket['write'];
  socket.read = (size?: number): unknown => {
    const chunk = read.call(socket, size) as Buffer | null;
    if (chunk === null || !filter.isExpectingHead) return chunk;
    let passed: Buffer;
    try {
      passed = filter.pass(chunk);
    } catch (error) {
      onBug(error);
      socket.destroy(new Error('the reply could not be read'));
      return null;
    }
    // Without remaining bytes, undici must wait as if nothing had arrived.
    return passed.length > 0 ? passed : socket.read(size);
  };
}

/** undici writes a head as one text; bodies are bytes, and the texts between chunks are short. */
function isRequestHead(data: unknown): boolean {
  return typeof data === 'string' && data.length > 20 && data.includes(' HTTP/1.1\r\n');
}
