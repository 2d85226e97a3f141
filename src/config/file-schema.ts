import { z } from 'zod';
import { addressProblem } from '../core/addresses.ts';
import { routeSchema } from './route-schema.ts';
import { upstreamSchema } from './upstream-schema.ts';

const addressOrRange = z.string().superRefine((text, context) => {
  const problem = addressProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

const rateLimitSchema = z.strictObject({
  requestsPerSecond: z.number().min(0.001).max(1_000_000),
  burst: z.int().min(1).max(1_000_000),
});

/** The whole configuration file. */
export const fileSchema = z.strictObject({
  upstreams: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be small letters, digits and -'), upstreamSchema)
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
  headers: z
    .strictObject({
      /** Whether requests to backends carry Via, by which loops are seen. True by default. */
      via: z.boolean().optional(),
      /** Whether replies carry Server-Timing. True by default. */
      serverTiming: z.boolean().optional(),
    })
    .optional(),
  /** The rate limit of every key that has none of its own, over this host. No limit by default. */
  keyLimit: rateLimitSchema.optional(),
  /** The rate limit of every client address, with any key or none, over this host. No limit by default. */
  addressLimit: rateLimitSchema.optional(),
});

/** The value that `rampart.config.ts` exports. */
export type ConfigFile = z.input<typeof fileSchema>;
export type ParsedConfigFile = z.output<typeof fileSchema>;
