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

/** The backends of an upstream, out of DNS. */
export const discoverSchema = z
  .strictObject({
    /** The name whose A and AAAA records are the backends. */
    dns: hostName.optional(),
    /** The name whose SRV records name the backends, such as `_http._tcp.app.internal`. */
    srv: hostName.optional(),
    /** The port of the backends; with `dns`. */
    port: z.int().min(1).max(65_535).optional(),
    /** `http` by default. */
    scheme: z.enum(['http', 'https']).optional(),
    /** The DNS servers that are asked; the system's by default. */
    servers: z.array(server).min(1).max(10).optional(),
    /** Bounds of the time between two look-ups, whatever the TTL of the answer is. 5 and 60 by default. */
    minSeconds: z.number().min(0.1).max(3600).optional(),
    maxSeconds: z.number().min(0.1).max(86_400).optional(),
  })
  .refine(({ dns, srv }) => (dns === undefined) !== (srv === undefined), 'must have either dns or srv')
  .refine(
    ({ dns, port }) => (dns === undefined) === (port === undefined),
    'must have a port with dns, and none with srv',
  )
  .refine(
    ({ minSeconds = DEFAULT_MIN_SECONDS, maxSeconds = DEFAULT_MAX_SECONDS }) => minSeconds <= maxSeconds,
    'must have minSeconds of at most maxSeconds',
  );

const DEFAULT_MIN_SECONDS = 5;
const DEFAULT_MAX_SECONDS = 60;

/** How the backends of an upstream are found. */
export interface DiscoverConfig {
  readonly kind: 'addresses' | 'services';
  readonly name: string;
  /** 0 for services, whose records have it. */
  readonly port: number;
  readonly scheme: 'http' | 'https';
  readonly servers: readonly string[] | undefined;
  readonly minMs: number;
  readonly maxMs: number;
}

/** What the backends of an answer follow from: with another one of these, they are other backends. */
export const sourceOf = ({ kind, name, port, scheme }: DiscoverConfig): string => `${scheme} ${kind} ${name} ${port}`;

export function discoverOf(file: z.output<typeof discoverSchema> | undefined): DiscoverConfig | undefined {
  if (file === undefined) return undefined;
  const { dns, srv = '', port = 0, scheme = 'http', servers } = file;
  return {
    kind: dns === undefined ? 'services' : 'addresses',
    name: (dns ?? srv).toLowerCase().replace(/\.$/, ''),
    port,
    scheme,
    servers,
    minMs: (file.minSeconds ?? DEFAULT_MIN_SECONDS) * 1000,
    maxMs: (file.maxSeconds ?? DEFAULT_MAX_SECONDS) * 1000,
  };
}

/** The name that certificates of discovered backends should have: their addresses change. */
export const certificateName = ({ name }: DiscoverConfig): string => name.replace(/^(?:_[^.]+\.)+/, '');
