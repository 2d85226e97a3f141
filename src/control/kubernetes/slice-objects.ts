import { isIP } from 'node:net';
import { z } from 'zod';
import type { Slice, SliceEndpoint } from '../../policy/membership/slice-members.ts';

/** Which port of a slice the backends listen on: its number, its name, or, if undefined, the only one. */
export type SlicePort = number | string | undefined;

const endpoint = z.object({
  addresses: z.array(z.string()).max(100),
  conditions: z
    .object({
      ready: z.boolean().nullish(),
      serving: z.boolean().nullish(),
      terminating: z.boolean().nullish(),
    })
    .nullish(),
});

/** An EndpointSlice of discovery.k8s.io/v1, as far as Rampart reads it. */
export const sliceObject = z.object({
  metadata: z.object({ name: z.string(), resourceVersion: z.string().nullish() }),
  addressType: z.string(),
  endpoints: z.array(endpoint).nullish(),
  ports: z.array(z.object({ name: z.string().nullish(), port: z.int().min(1).max(65_535).nullish() })).nullish(),
});

export type SliceObject = z.output<typeof sliceObject>;

/** The slice with the endpoints' port; undefined if it has names in place of addresses, or no such port. */
export function sliceOf(object: SliceObject, wanted: SlicePort): Slice | undefined {
  const { addressType: family, metadata } = object;
  if (family !== 'IPv4' && family !== 'IPv6') return undefined;
  const endpoints = object.endpoints ?? [];
  const port = portOf(object, wanted);
  if (port === undefined && endpoints.length > 0) return undefined;
  const version = Number(metadata.resourceVersion ?? Number.NaN);
  return {
    name: metadata.name,
    version: Number.isSafeInteger(version) ? version : undefined,
    family,
    endpoints: endpoints.flatMap((one) => endpointOf(one, port ?? 0, family)),
  };
}

/** The addresses of an endpoint are the same pod, so the first is enough (Kubernetes says so of `addresses`). */
function endpointOf(
  { addresses, conditions }: z.output<typeof endpoint>,
  port: number,
  family: Slice['family'],
): SliceEndpoint[] {
  const [address = ''] = addresses;
  if (isIP(address) !== (family === 'IPv4' ? 4 : 6)) return [];
  // A condition that is absent is unknown: Kubernetes asks for `ready` to be taken as true, and for `serving` as `ready`.
  const isReady = conditions?.ready ?? true;
  const isServing = conditions?.serving ?? isReady;
  return [{ address, port, isReady, isServing, isTerminating: conditions?.terminating ?? false }];
}

function portOf({ ports }: SliceObject, wanted: SlicePort): number | undefined {
  // A number is the pods' own port, which a slice may leave unnamed, or out.
  if (typeof wanted === 'number') return wanted;
  const all = ports ?? [];
  const found =
    wanted === undefined ? (all.length === 1 ? all[0] : undefined) : all.find(({ name }) => name === wanted);
  return found?.port ?? undefined;
}
