import { z } from 'zod';
import { basicAuthSchema, certificateAuthSchema, forwardAuthSchema, jwtSchema } from './auth-schema.ts';
import { addressOrRange } from './route-access-schema.ts';
import { checkClientLimit, clientLimitFields } from './client-limit.ts';
import { errorPagesSchema } from './route-rewrite-schema.ts';
import { routeSchema } from './route-schema.ts';
import { proxyProtocolSchema } from './proxy-protocol.ts';
import { tlsSchema } from './tls.ts';
import { upstreamSchema } from './upstream-schema.ts';

const rateLimitSchema = z.strictObject({
  requestsPerSecond: z.number().min(0.001).max(1_000_000),
  burst: z.int().min(1).max(1_000_000),
});

const builtinSchema = z.strictObject({
  /** The only host name that Rampart's own endpoints have, without port. */
  host: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/, 'must be a host name such as admin.example, without a port')
    .optional(),
  /** The path in front of theirs. */
  prefix: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9_-]+)+$/, 'must be a path such as /_rampart, without a slash at its end')
    .optional(),
});

/** The whole configuration file. */
export const fileSchema = z.strictObject({
  upstreams: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be a small letter, then up to 62 small letters, digits and -'),
      upstreamSchema,
    )
    .optional(),
  routes: z.array(routeSchema).max(1000).optional(),
  /** Peers whose X-Forwarded-* and Forwarded headers are believed, as addresses and ranges (CIDR). None by default. */
  trustedProxies: z.array(addressOrRange).optional(),
  /** Limits of client connections. */
  connections: z
    .strictObject({
      /** Open at a time, of one worker. By default what the limit of file descriptors leaves beside the backends. */
      max: z.int().min(1).optional(),
      /** The same from one address. No limit by default, as many clients may share one. */
      maxPerAddress: z.int().min(1).optional(),
      /** Pipelined requests of one connection that are worked on at a time. 8 by default. */
      maxPipelined: z.int().min(1).max(1000).optional(),
    })
    .optional(),
  /** A listener for load balancers that tell the client's address by the PROXY protocol, version 2. */
  proxyProtocol: proxyProtocolSchema.optional(),
  /** What TLS_PORT presents and asks for. */
  tls: tlsSchema.optional(),
  /** What ACCESS_LOG has lines of, and what they show. */
  accessLog: z
    .strictObject({
      /** The share of requests that are logged among those that neither failed nor were slow. 1 by default. */
      sampleRate: z.number().min(0).max(1).optional(),
      /** A request that takes longer than this is always logged. 500 by default. */
      slowMs: z.int().min(1).max(3_600_000).optional(),
      /** The names of the query parameters that are logged. None by default, as a query may hold secrets. */
      query: z
        .array(z.string().regex(/^[\w.~[\]-]{1,100}$/, 'must be the name of a query parameter'))
        .max(50)
        .optional(),
      /** The client's address: as it is (`full`), its network only (/24, or /64 for IPv6), or `none`. */
      clientAddress: z.enum(['full', 'network', 'none']).optional(),
    })
    .optional(),
  /** How requests are traced where OTEL_EXPORTER_OTLP_ENDPOINT is set. */
  traces: z
    .strictObject({
      /** Whose traces are continued: those of `anyone`, which is the default, or of `trustedProxies` only. */
      trust: z.enum(['anyone', 'trustedProxies']).optional(),
    })
    .optional(),
  headers: z
    .strictObject({
      /** Whether requests to backends carry Via, by which loops are seen. True by default. */
      via: z.boolean().optional(),
      /** Whether replies carry Server-Timing. True by default. */
      serverTiming: z.boolean().optional(),
    })
    .optional(),
  /** Where Rampart's own endpoints are (/healthz, /readyz, /openapi.json, /v1/…); `false`: nowhere. At their paths on every host by default. */
  builtin: z.union([z.literal(false), builtinSchema]).optional(),
  /** Error pages of every route that has none of its own for a status, and of requests without a route. */
  errorPages: errorPagesSchema.optional(),
  /** How tokens, passwords and other systems are asked, for routes with `authenticate: 'jwt'`, `'basic'`, `'forward'` or `'certificate'` and no settings of their own. */
  jwt: jwtSchema.optional(),
  basic: basicAuthSchema.optional(),
  forward: forwardAuthSchema.optional(),
  certificate: certificateAuthSchema.optional(),
  /** How much every key may use, over this host; a key's own rate counts in place of this one. No limit by default. */
  keyLimit: z.strictObject(clientLimitFields).superRefine(checkClientLimit).optional(),
  /** The rate of items of batches for every key, over this host. Items count towards no other limit. No limit by default. */
  bulkLimit: rateLimitSchema.optional(),
  /** The rate limit of every client address, with any key or none, over this host. No limit by default. */
  addressLimit: rateLimitSchema.optional(),
});

/** The value that `rampart.config.ts` exports. */
export type ConfigFile = z.input<typeof fileSchema>;
export type ParsedConfigFile = z.output<typeof fileSchema>;
