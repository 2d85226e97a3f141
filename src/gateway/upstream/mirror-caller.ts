import type { Cancellable } from './cancellable.ts';
import { CallRecord } from './call-record.ts';
import type { Caller } from './upstream-call.ts';

/** Asks a backend on nobody's behalf. */
export class MirrorCaller extends CallRecord implements Caller {
  readonly id: string;
  readonly startedAt: number;
  readonly readyAt: number;
  readonly priority = 'bulk';
  readonly fairKey = 'mirror';
  /** A copy is no part of what its client asked for. */
  readonly trace = undefined;
  readonly over = false;
  readonly replyBegun = false;
  underway: Cancellable | undefined;

  constructor(id: string, now: number) {
    super();
    this.id = id;
    this.startedAt = now;
    this.readyAt = now;
  }

  cutReply(): void {}
}
