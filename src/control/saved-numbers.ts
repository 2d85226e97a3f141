import { z } from 'zod';

/** Milliseconds since the epoch; a Date takes no other. */
export const savedMoment = z.number().min(0).max(8.64e15);
/** A count; beyond, it would not grow by one. */
export const savedCount = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
