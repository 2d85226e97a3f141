import { z } from 'zod';
import type { FleetAnswer } from '../../policy/fleet/fleet-call.ts';
import { luaList } from './lua-list.ts';

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
    grants: luaList(grant),
    donors: z.array(z.string()).default([]),
  }),
  z.object({ status: z.enum(['stale', 'late']), now }),
  z.object({ status: z.literal('superseded'), now, calledAt: z.number() }),
]);

/** Parses the answer of the function in Valkey; throws if it is malformed. */
export function parseFleetAnswer(answer: unknown): FleetAnswer {
  return answerSchema.parse(JSON.parse(String(answer)));
}
