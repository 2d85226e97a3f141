import fc from 'fast-check';
import type { LeaseHost } from './lease-host.ts';

/** The number of a worker, and of a backend. */
export const worker = fc.nat(3);
export const backend = fc.nat(1);
/** Something that happens on a host. */
export type Step = (host: LeaseHost) => void;
/** What happens all the time: requests come and end, messages arrive, time passes. */
export const calmStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(worker, backend).map(
      ([w, b]): Step =>
        (host) =>
          host.arrive(w, b),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(worker, backend).map(
      ([w, b]): Step =>
        (host) =>
          host.arriveAt(w, b),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(worker, backend).map(
      ([w, b]): Step =>
        (host) =>
          host.finish(w, b),
    ),
  },
  {
    weight: 6,
    arbitrary: worker.map(
      (w): Step =>
        (host) =>
          host.deliverToWorker(w),
    ),
  },
  {
    weight: 6,
    arbitrary: worker.map(
      (w): Step =>
        (host) =>
          host.deliverToControl(w),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 400 }).map(
      (ms): Step =>
        (host) =>
          host.tick(ms),
    ),
  },
);
