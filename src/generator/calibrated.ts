import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { SlotPermit } from './slots.ts';
import type { WorkOutcome, Work } from './work.ts';

export const serviceLaws = ['deterministic', 'exponential'] as const;
export type ServiceLaw = (typeof serviceLaws)[number];

/** Capacity in requests a second = the generator's slots / service time. */
export interface CalibratedOptions {
  readonly serviceTimeMs: number;
  readonly law: ServiceLaw;
}

/** Lateness beyond this is a stall of the process rather than a timer's rounding, and is not compensated. */
const maxCreditMs = 10;

/** The end of a slot's last job. */
interface Place {
  /** When it should have ended. */
  readonly intendedEnd: number;
  /** How long after that it did. */
  readonly lateness: number;
}

/**
 * Work of known capacity: a job holds its slot for a service time drawn from the law, and costs no processor.
 *
 * Timers round to whole milliseconds and fire about one late, which would cost 2 % of a 55 ms service. So a
 * job starts not when its predecessor's timer fired but when it should have:
 *     start = max(intended end of the predecessor, arrival − lateness of the predecessor)
 * The first term holds while there is a backlog here (Lindley's recursion); the second where the caller keeps
 * the backlog, and sends the next request only on the reply that came late. Over many jobs capacity is then
 * slots / service time in the first case, and slots / (service time + the caller's round trip) in the second.
 */
export function calibratedWork(options: CalibratedOptions, clock: Clock, random: Random): Work {
  const places = new Map<number, Place>();
  const job = (permit: SlotPermit): Promise<WorkOutcome> => {
    const { promise, resolve } = Promise.withResolvers<WorkOutcome>();
    const before = places.get(permit.slot) ?? { intendedEnd: -Infinity, lateness: 0 };
    const credit = Math.min(before.lateness, maxCreditMs);
    const end = Math.max(before.intendedEnd, permit.askedAt - credit) + serviceTime(options, random);
    const finish = (): void => {
      places.set(permit.slot, { intendedEnd: end, lateness: Math.max(0, clock.now() - end) });
      resolve({ ok: true, image: fixedImage });
    };
    clock.setTimeout(finish, Math.max(0, end - clock.now()));
    return promise;
  };
  return { kind: 'calibrated', prepare: () => ({ ok: true, job }) };
}

function serviceTime({ law, serviceTimeMs }: CalibratedOptions, random: Random): number {
  return law === 'deterministic' ? serviceTimeMs : -Math.log(1 - random()) * serviceTimeMs;
}

const fixedImage = {
  contentType: 'image/svg+xml',
  bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><path d="M0 0h8v8H0z"/></svg>'),
};
