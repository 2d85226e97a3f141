import type { Exchange, Releasable } from '../exchange.ts';
import type { ClientReply, ReplyWriter } from './client-reply.ts';
import { ReadingRate } from './reading-rate.ts';
import type { SlowReplies, SlowReply } from './slow-replies.ts';
import type { SpoolFile } from './spool.ts';

/** A backend that is faster than the disk has to wait for it. */
const MAX_WRITING_BYTES = 1024 * 1024;

/**
 * The bytes that a backend has sent and a client has not read: first in memory, then in a spool file, so that the
 * backend has finished the request when it has sent its last byte. When the budgets are used up, the backend has to
 * wait for the client.
 */
export class ReplyQueue implements SlowReply, ReplyWriter, Releasable {
  readonly #replies: SlowReplies;
  readonly #reply: ClientReply;
  readonly #maxMemoryBytes: number;
  /** In order: the bytes in memory, then those in the file, then those that had no room in either. */
  #memory: Buffer[] = [];
  #memoryBytes = 0;
  #file: SpoolFile | undefined;
  #filePosition = 0;
  #overflow: Buffer[] = [];
  /** Chunks that are being written to the file. */
  #writing: Buffer[] = [];
  #writingBytes = 0;
  #isBusy = false;
  /** The disk has failed; logged once for each reply. */
  #hasFailed = false;
  #isEnded = false;
  #isOver = false;
  #resume: (() => void) | undefined;
  readonly #rate: ReadingRate;

  private constructor(replies: SlowReplies, reply: ClientReply, maxMemoryBytes: number) {
    this.#replies = replies;
    this.#reply = reply;
    this.#maxMemoryBytes = maxMemoryBytes;
    this.#rate = new ReadingRate(reply.deliveredBytes, replies.now);
  }

  /** For a reply whose client has left a buffer unread. `maxMemoryBytes`: of this reply. */
  static open(replies: SlowReplies, x: Exchange, maxMemoryBytes: number): ReplyQueue {
    const queue = new ReplyQueue(replies, x.reply, maxMemoryBytes);
    replies.add(queue);
    x.reply.filledBy(queue);
    x.releaseAtEnd(queue);
    return queue;
  }

  get spooledBytes(): number {
    return this.#file?.bytes ?? 0;
  }

  /** The backend of the reply is paused. */
  get holdsBackend(): boolean {
    return this.#resume !== undefined;
  }

  /** Takes a chunk of the backend; false if the backend must pause until `resume` is called. */
  push(chunk: Buffer, resume: () => void): boolean {
    if (this.#isOver) return true;
    if (this.#overflow.length > 0) this.#overflow.push(chunk);
    else if (this.#file === undefined && this.#writing.length === 0 && this.#fitsMemory(chunk)) {
      this.#memory.push(chunk);
      this.#memoryBytes += chunk.length;
      return true;
    } else this.#writing.push(chunk);
    this.#replies.hold(chunk.length);
    this.#memoryBytes += chunk.length;
    this.#writingBytes += chunk.length;
    void this.#move();
    if (this.#overflow.length === 0 && this.#writingBytes <= MAX_WRITING_BYTES) return true;
    this.#resume = resume;
    return false;
  }

  /** No more bytes will come. */
  end(): void {
    this.#isEnded = true;
    void this.#move();
  }

  /** Whether the client reads too slowly while others need the memory or disk that it holds. */
  isTooSlow(now: number): boolean {
    return this.#rate.isTooSlow(this.#reply.deliveredBytes, now);
  }

  /** Ends the reply, because its client is too slow for the memory or disk that it holds. */
  cut(): void {
    this.release();
    this.#reply.cut();
  }

  #fitsMemory(chunk: Buffer): boolean {
    return this.#memoryBytes + chunk.length <= this.#maxMemoryBytes && this.#replies.reserve(chunk.length);
  }

  drained(): void {
    void this.#move();
  }

  /**
   * Moves all bytes that can move: from memory to the client, from the backend to the file, from the file to the
   * client.
   */
  async #move(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      let moved = true;
      while (moved && !this.#isOver) {
        moved = this.#sendMemory();
        moved = (await this.#writeFile()) || moved;
        moved = (await this.#sendFile()) || moved;
        moved = this.#sendOverflow() || moved;
      }
      this.#isBusy = false;
      this.#concluded();
    } catch (error) {
      this.#isBusy = false;
      this.#replies.failed(error);
      if (!this.#isOver) this.cut();
    }
  }

  /** All bytes that could move have moved: the backend may continue, or the reply has ended. */
  #concluded(): void {
    if (this.#isOver) return;
    if (this.#resume !== undefined && this.#overflow.length === 0 && this.#writingBytes <= MAX_WRITING_BYTES / 2) {
      const resume = this.#resume;
      this.#resume = undefined;
      resume();
    }
    if (this.#isEnded && this.#isEmpty) {
      this.release();
      this.#reply.end();
    }
  }

  get #isEmpty(): boolean {
    const inFile = (this.#file?.bytes ?? 0) - this.#filePosition;
    return this.#memory.length === 0 && this.#writing.length === 0 && this.#overflow.length === 0 && inFile === 0;
  }

  get #canSend(): boolean {
    return !this.#isOver && !this.#reply.isFull;
  }

  #sendMemory(): boolean {
    let moved = false;
    while (this.#memory.length > 0 && this.#canSend) {
      const chunk = this.#memory.shift() as Buffer;
      this.#forgetMemory(chunk);
      this.#reply.write(chunk);
      moved = true;
    }
    return moved;
  }

  async #writeFile(): Promise<boolean> {
    let moved = false;
    while (this.#writing.length > 0 && !this.#isOver) {
      const chunk = this.#writing[0] as Buffer;
      let stored = await this.#append(chunk);
      while (!stored && !this.#isOver && this.#replies.cutSlowest(this)) stored = await this.#append(chunk);
      if (this.#isOver) return moved;
      if (!stored) {
        this.#overflow.push(...this.#writing.splice(0));
        return moved;
      }
      this.#writing.shift();
      this.#writingBytes -= chunk.length;
      this.#forgetMemory(chunk);
      moved = true;
    }
    return moved;
  }

  /** False if there is no room in the budget, or if the disk is full or fails. */
  async #append(chunk: Buffer): Promise<boolean> {
    try {
      this.#file ??= await this.#openFile();
      return await this.#file.append(chunk);
    } catch (error) {
      if (!this.#hasFailed) this.#replies.failed(error);
      this.#hasFailed = true;
      return false;
    }
  }

  async #openFile(): Promise<SpoolFile> {
    const file = await this.#replies.spool.open();
    if (this.#isOver) file.release();
    return file;
  }

  async #sendFile(): Promise<boolean> {
    const file = this.#file;
    if (file === undefined || this.#memory.length > 0) return false;
    let moved = false;
    while (this.#filePosition < file.bytes && this.#canSend) {
      const chunk = await file.read(this.#filePosition);
      if (this.#isOver) return moved;
      this.#filePosition += chunk.length;
      this.#reply.write(chunk);
      moved = true;
    }
    if (this.#filePosition === file.bytes) {
      // The file has been read to its end. Its room is given back, and the next bytes go to memory again.
      file.release();
      this.#file = undefined;
      this.#filePosition = 0;
    }
    return moved;
  }

  #sendOverflow(): boolean {
    if (this.#overflow.length === 0 || this.#memory.length > 0 || this.#file !== undefined) return false;
    let moved = false;
    while (this.#overflow.length > 0 && this.#canSend) {
      const chunk = this.#overflow.shift() as Buffer;
      this.#writingBytes -= chunk.length;
      this.#forgetMemory(chunk);
      this.#reply.write(chunk);
      moved = true;
    }
    return moved;
  }

  #forgetMemory(chunk: Buffer): void {
    this.#memoryBytes -= chunk.length;
    this.#replies.hold(-chunk.length);
  }

  /** The reply has ended: releases everything. */
  release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#replies.hold(-this.#memoryBytes);
    this.#memory = [];
    this.#writing = [];
    this.#overflow = [];
    this.#file?.release();
    this.#replies.forget(this);
    // The backend may go on; its further bytes are thrown away.
    this.#resume?.();
    this.#resume = undefined;
  }
}
