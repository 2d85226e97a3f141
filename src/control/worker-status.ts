import { z } from 'zod';

const upstreamSchema = z.object({
  name: z.string(),
  serviceMs: z.number().min(0).optional(),
  backends: z.array(z.object({ id: z.string(), inFlight: z.int().min(0) })),
});
/** The part of a worker's status that control reads; the rest is for people. */
const statusSchema = z.object({ upstreams: z.array(upstreamSchema) });

/** Requests that a worker has in flight at a backend, by its last report; 0 if the report does not name it. */
export const inFlightOf = (status: unknown, upstream: string, backend: string): number =>
  upstreamIn(status, upstream)?.backends.find(({ id }) => id === backend)?.inFlight ?? 0;

/** The mean time of a request at the backends of an upstream, as a worker has seen it; 0 if its last report does not say. */
export const serviceMsOf = (status: unknown, upstream: string): number => upstreamIn(status, upstream)?.serviceMs ?? 0;

function upstreamIn(status: unknown, upstream: string): z.output<typeof upstreamSchema> | undefined {
  return statusSchema.safeParse(status).data?.upstreams.find(({ name }) => name === upstream);
}
