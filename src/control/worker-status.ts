import { z } from 'zod';

/** The part of a worker's status that control reads; the rest is for people. */
const statusSchema = z.object({
  upstreams: z.array(
    z.object({ name: z.string(), backends: z.array(z.object({ id: z.string(), inFlight: z.int().min(0) })) }),
  ),
});

/** Requests that a worker has in flight at a backend, by its last report; 0 if the report does not name it. */
export function inFlightOf(status: unknown, upstream: string, backend: string): number {
  const parsed = statusSchema.safeParse(status);
  const found = parsed.data?.upstreams.find(({ name }) => name === upstream);
  return found?.backends.find(({ id }) => id === backend)?.inFlight ?? 0;
}

const serviceSchema = z.object({ upstreams: z.array(z.object({ name: z.string(), serviceMs: z.number().min(0) })) });

/** The mean time of a request at the backends of an upstream, as a worker has seen it; 0 if its last report does not say. */
export function serviceMsOf(status: unknown, upstream: string): number {
  const found = serviceSchema.safeParse(status).data?.upstreams.find(({ name }) => name === upstream);
  return found?.serviceMs ?? 0;
}
