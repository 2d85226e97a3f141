import { z } from 'zod';
import type { FleetAnswer } from '../../policy/fleet/fleet-call.ts';

const grant = z.object({
  backend: z.string(),
  permits: z.int().min(0),
  floor: z.int().min(0),
  cap: z.int().min(0),
  wanted: z.int().min(0),
  recallTo: z.int().min(-1),
});
const now = z.number();
const answerSchema = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('granted'),
    now,
    incarnation: z.int().min(1),
    hosts: z.int().min(0),
    learning: z.boolean(),
    // Lua writes an empty list as an object.
    grants: z.array(grant).or(z.object({}).transform(() => [])),
    donors: z.array(z.string()).default([]),
  }),
  z.object({ status: z.enum(['stale', 'late']), now }),
  z.object({ status: z.literal('superseded'), now, calledAt: z.number() }),
]);

/** The answer of the function; throws if it is none. */
export function parseFleetAnswer(answer: unknown): FleetAnswer {
  return answerSchema.parse(JSON.parse(String(answer)));
}
