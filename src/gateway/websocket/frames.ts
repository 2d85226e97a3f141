const CLOSE = 0x8;
const GOING_AWAY = 1001;

/** Finds where the frames of one direction of a WebSocket begin and end (RFC 6455 §5.2). */
export class FrameTracker {
  /** Bytes of the present frame that are still to come; 0 between frames, or while its head is not complete. */
  #left = 0;
  #head: number[] = [];
  #isClosed = false;

  /** Whether a frame may be inserted at this point. */
  get isBetweenFrames(): boolean {
    return this.#left === 0 && this.#head.length === 0;
  }

  /** Whether a close frame has passed; no frame may follow it. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  pass(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, chunk.length - at);
        this.#left -= skipped;
        at += skipped;
        continue;
      }
      this.#head.push(chunk[at++] as number);
      this.#readHead();
    }
  }

  /** The remaining bytes of the present frame at most, so that a chunk can be cut before the next frame. */
  get bytesLeft(): number {
    return this.#left;
  }

  #readHead(): void {
    const head = this.#head;
    if (head.length < 2) return;
    const length = (head[1] as number) & 0x7f;
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    const masked = ((head[1] as number) & 0x80) !== 0 ? 4 : 0;
    if (head.length < 2 + extended + masked) return;
    let payload = extended === 0 ? length : 0;
    for (let index = 2; index < 2 + extended; index++) payload = payload * 256 + (head[index] as number);
    if (((head[0] as number) & 0x0f) === CLOSE) this.#isClosed = true;
    this.#left = payload;
    this.#head = [];
  }
}

/** A close frame with code 1001 (going away). `maskKey`: a frame from a client to a server must be masked. */
export function goingAwayFrame(maskKey?: Uint8Array): Buffer {
  const code = [GOING_AWAY >> 8, GOING_AWAY & 0xff];
  if (maskKey === undefined) return Buffer.from([0x80 | CLOSE, 2, ...code]);
  const masked = code.map((byte, index) => byte ^ (maskKey[index] as number));
  return Buffer.from([0x80 | CLOSE, 0x80 | 2, ...maskKey.subarray(0, 4), ...masked]);
}
