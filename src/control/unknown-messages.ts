import type { Counter, Registry } from '../metrics/instruments.ts';

/** Counts messages between control and processes that the receiver ignored, because a later version sent them. */
export const unknownMessages = (registry: Registry): Counter =>
  registry.counter('rampart_unknown_messages_total', 'Messages of a type that only a later version knows').of();
