import type { Cancellable } from './cancellable.ts';
import type { Caller } from './upstream-call.ts';

/** Asks a backend on nobody's behalf. */
export class MirrorCaller implements Caller {
  readonly id: string;
  readonly startedAt: number;
  readonly readyAt: number;
  readonly priority = 'bulk';
  readonly fairKey = 'mirror';
  readonly over = false;
  readonly replyBegun = false;
  queueMs = 0;
  permitMs = 0;
  execMs = 0;
  execPhase: 'upstream' | 'database' | undefined;
  upstream = '';
  backend = '';
  attempts = 0;
  failure: string | undefined;
  underway: Cancellable | undefined;

  constructor(id: string, now: number) {
    this.id = id;
    this.startedAt = now;
    this.readyAt = now;
  }

  cutReply(): void {}
}
