import type { CauseId } from './causes.ts';

/** The state of a host, from good to bad. */
export type FindingState = 'well' | 'degraded' | 'overloaded' | 'down';

/** The lab's classes of bottlenecks: A contention, B work, processors, C capacity control. */
export type BottleneckLetter = 'A' | 'B' | 'processors' | 'C';

/** One thing that is worth saying about a host. */
export interface Finding {
  readonly state: FindingState;
  readonly causeId: CauseId;
  /** Which upstream, backend or worker it is about; '' for the host. Two findings of one cause differ in it. */
  readonly subject: string;
  /** A sentence without a full stop. */
  readonly cause: string;
  readonly next: string;
  readonly bottleneck?: BottleneckLetter;
  /** Whether its alert pages; undefined: as the state says. */
  readonly severity?: 'page' | 'ticket';
}

export const gravity: Readonly<Record<FindingState, number>> = { well: 0, degraded: 1, overloaded: 2, down: 3 };
