import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { isLoopbackHost } from '../../core/loopback.ts';
import type { Slice, SliceEndpoint } from '../../policy/membership/slice-members.ts';

/** Which port of a slice the backends listen on: its number, its name, or, if undefined, the only one. */
export type SlicePort = number | string | undefined;

const SERVICE_LABEL = 'kubernetes.io/service-name';

/** Unspecified, link-local, multicast and reserved addresses: the API server of a cluster refuses them. */
const noPods = new BlockList();
noPods.addSubnet('0.0.0.0', 8);
noPods.addSubnet('169.254.0.0', 16);
noPods.addSubnet('224.0.0.0', 3);
noPods.addAddress('::', 'ipv6');
noPods.addSubnet('fe80::', 10, 'ipv6');
noPods.addSubnet('ff00::', 8, 'ipv6');

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

const port = z.object({ name: z.string().nullish(), port: z.int().min(1).max(65_535).nullish() });

/** An EndpointSlice of discovery.k8s.io/v1, as far as Rampart reads it. */
export const sliceObject = z.object({
  metadata: z.object({
    name: z.string(),
    resourceVersion: z.string().nullish(),
    labels: z.record(z.string(), z.string()).nullish().catch(null),
  }),
  addressType: z.string(),
  // A wrong member must not make its neighbours useless.
  endpoints: z.array(endpoint.nullable().catch(null)).nullish(),
  ports: z.array(port.nullable().catch(null)).nullish(),
});

export type SliceObject = z.output<typeof sliceObject>;

/** The backends that slices are read for. */
export interface SliceWish {
  readonly service: string;
  readonly port: SlicePort;
  /** Whether endpoints may be loopback addresses, which no pod has: where the API server has one, too. */
  readonly isLocal: boolean;
}

/** The slice with the endpoints' port; undefined if it has names in place of addresses, no such port, or another Service. */
export function sliceOf(object: SliceObject, { service, port: wanted, isLocal }: SliceWish): Slice | undefined {
  const { addressType: family, metadata } = object;
  if (family !== 'IPv4' && family !== 'IPv6') return undefined;
  if ((metadata.labels?.[SERVICE_LABEL] ?? service) !== service) return undefined;
  const endpoints = (object.endpoints ?? []).flatMap((one) => one ?? []);
  const number = portOf(object, wanted);
  if (number === undefined && endpoints.length > 0) return undefined;
  const version = Number(metadata.resourceVersion ?? Number.NaN);
  return {
    name: metadata.name,
    version: Number.isSafeInteger(version) ? version : undefined,
    family,
    endpoints: endpoints
      .flatMap((one) => endpointOf(one, number ?? 0, family))
      .filter(({ address }) => isLocal || !isLoopbackHost(address)),
  };
}

/** The addresses of an endpoint are the same pod, so the first is enough (Kubernetes says so of `addresses`). */
function endpointOf(
  { addresses, conditions }: z.output<typeof endpoint>,
  number: number,
  family: Slice['family'],
): SliceEndpoint[] {
  const [address = ''] = addresses;
  if (isIP(address) !== (family === 'IPv4' ? 4 : 6)) return [];
  if (noPods.check(address, family === 'IPv4' ? 'ipv4' : 'ipv6')) return [];
  // A condition that is absent is unknown: Kubernetes asks for `ready` to be taken as true, and for `serving` as `ready`.
  const isReady = conditions?.ready ?? true;
  const isServing = conditions?.serving ?? isReady;
  return [{ address, port: number, isReady, isServing, isTerminating: conditions?.terminating ?? false }];
}

function portOf({ ports }: SliceObject, wanted: SlicePort): number | undefined {
  // A number is the pods' own port, which a slice may leave unnamed, or out.
  if (typeof wanted === 'number') return wanted;
  const all = (ports ?? []).flatMap((one) => one ?? []);
  const found =
    wanted === undefined ? (all.length === 1 ? all[0] : undefined) : all.find(({ name }) => name === wanted);
  return found?.port ?? undefined;
}
