import { isIP } from 'node:net';
import { z } from 'zod';

const hostName = z
  .string()
  .regex(
    /^(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/,
    'must be a DNS name such as app.internal',
  )
  .refine((name) => isIP(name) === 0, 'must be a name, not an address: list addresses in backends');

const server = z
  .string()
  .refine(
    (text) => isIP(hostOf(text)) !== 0,
    'must be an address, with a port if need be: 10.0.0.53, 10.0.0.53:5353 or [::1]:5353',
  );

const hostOf = (text: string): string =>
  /^\[(.+)\](?::\d{1,5})?$/.exec(text)?.[1] ?? (isIP(text) === 6 ? text : text.replace(/:\d{1,5}$/, ''));

/** A label of RFC 1123, as names of Services and namespaces are. */
const clusterName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a name of Kubernetes such as shop-api');

const portName = z
  .string()
  .regex(/^(?=.{1,15}$)[a-z0-9]+(?:-[a-z0-9]+)*$/, 'must be a number, or the name of a port of the Service');

const apiOrigin = z
  .url({ protocol: /^https?$/, error: 'must be an http or https address such as http://127.0.0.1:8001' })
  .refine((text) => hasOnlyOrigin(text), 'must have neither user nor path: http://127.0.0.1:8001');

/** The schema of URLs has refused what does not parse, or will. */
function hasOnlyOrigin(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { username, password, pathname, search, hash } = new URL(text);
  return `${username}${password}${search}${hash}` === '' && pathname === '/';
}

/** The backends of an upstream, out of DNS or out of the EndpointSlices of Kubernetes. */
export const discoverSchema = z
  .strictObject({
    /** The Kubernetes Service whose EndpointSlices have the backends. */
    endpointSlices: clusterName.optional(),
    /** Of that Service; that of this pod by default. */
    namespace: clusterName.optional(),
    /** The API server, such as a `kubectl proxy`; that of the cluster in which this pod runs by default. */
    api: apiOrigin.optional(),
    /** The name whose A and AAAA records are the backends. */
    dns: hostName.optional(),
    /** The name whose SRV records name the backends, such as `_http._tcp.app.internal`. */
    srv: hostName.optional(),
    /** The port of the backends; with `dns` a number, with `endpointSlices` also its name. */
    port: z.union([z.int().min(1).max(65_535), portName]).optional(),
    /** `http` by default. */
    scheme: z.enum(['http', 'https']).optional(),
    /** The DNS servers that are asked; the system's by default. */
    servers: z.array(server).min(1).max(10).optional(),
    /** Bounds of the time between two look-ups, whatever the TTL of the answer is. 5 and 60 by default. */
    minSeconds: z.number().min(0.1).max(3600).optional(),
    maxSeconds: z.number().min(0.1).max(86_400).optional(),
  })
  .refine(
    ({ dns, srv, endpointSlices }) =>
      endpointSlices === undefined
        ? (dns === undefined) !== (srv === undefined)
        : dns === undefined || srv === undefined,
    'must have one of dns, srv and endpointSlices; beside endpointSlices, dns or srv is asked while its API is unavailable',
  )
  .refine(
    ({ dns, port }) => dns === undefined || typeof port === 'number',
    'must have a port, which is a number, with dns',
  )
  .refine(
    ({ srv, endpointSlices, port }) => srv === undefined || endpointSlices !== undefined || port === undefined,
    'must have no port with srv, whose records have it',
  )
  .refine(
    ({ endpointSlices, namespace, scheme }) =>
      endpointSlices === undefined || namespace !== undefined || scheme !== 'https',
    'must have a namespace with https: certificates are checked for NAME.NAMESPACE.svc',
  )
  .refine(
    ({ endpointSlices, namespace, api }) => endpointSlices !== undefined || (namespace ?? api) === undefined,
    'must have namespace and api only with endpointSlices',
  )
  .refine(
    ({ minSeconds = DEFAULT_MIN_SECONDS, maxSeconds = DEFAULT_MAX_SECONDS }) => minSeconds <= maxSeconds,
    'must have minSeconds of at most maxSeconds',
  );

const DEFAULT_MIN_SECONDS = 5;
const DEFAULT_MAX_SECONDS = 60;

/** How the backends of an upstream are found. */
export interface DiscoverConfig {
  readonly kind: 'addresses' | 'services' | 'slices';
  readonly name: string;
  /** 0 for services and slices, whose records have it. */
  readonly port: number;
  readonly scheme: 'http' | 'https';
  readonly servers: readonly string[] | undefined;
  readonly minMs: number;
  readonly maxMs: number;
  /** Undefined unless it is `slices`. */
  readonly slices?: SliceSource | undefined;
}

/** Where the EndpointSlices of a Service are. */
export interface SliceSource {
  readonly namespace: string | undefined;
  readonly port: number | string | undefined;
  readonly api: string | undefined;
  /** The question to DNS while the API is unavailable. */
  readonly fallback: DiscoverConfig | undefined;
}

/** What the backends of an answer follow from: with another one of these, they are other backends. */
export const sourceOf = ({ kind, name, port, scheme, slices }: DiscoverConfig): string =>
  slices === undefined
    ? `${scheme} ${kind} ${name} ${port}`
    : `${scheme} ${kind} ${slices.namespace ?? ''}/${name} ${slices.port ?? ''}`;

export function discoverOf(file: z.output<typeof discoverSchema> | undefined): DiscoverConfig | undefined {
  if (file === undefined) return undefined;
  const { endpointSlices, namespace, api, port, scheme = 'http' } = file;
  const fallback = nameOf(file);
  if (endpointSlices === undefined) return fallback;
  const { minMs, maxMs } = boundsOf(file);
  const slices = { namespace, port, api, fallback };
  return { kind: 'slices', name: endpointSlices, port: 0, scheme, servers: undefined, minMs, maxMs, slices };
}

/** The question to DNS; undefined if DNS is not asked. */
function nameOf(file: z.output<typeof discoverSchema>): DiscoverConfig | undefined {
  const { dns, srv, port, scheme = 'http', servers } = file;
  if (dns === undefined && srv === undefined) return undefined;
  return {
    kind: dns === undefined ? 'services' : 'addresses',
    name: (dns ?? srv ?? '').toLowerCase().replace(/\.$/, ''),
    port: dns !== undefined && typeof port === 'number' ? port : 0,
    scheme,
    servers,
    ...boundsOf(file),
  };
}

function boundsOf({ minSeconds, maxSeconds }: z.output<typeof discoverSchema>): { minMs: number; maxMs: number } {
  return {
    minMs: (minSeconds ?? DEFAULT_MIN_SECONDS) * 1000,
    maxMs: (maxSeconds ?? DEFAULT_MAX_SECONDS) * 1000,
  };
}

/** The name that certificates of discovered backends should have: their addresses change. */
export const certificateName = ({ name, slices }: DiscoverConfig): string =>
  slices === undefined ? name.replace(/^(?:_[^.]+\.)+/, '') : [name, slices.namespace, 'svc'].join('.');
