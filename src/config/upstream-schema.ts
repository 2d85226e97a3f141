import { z } from 'zod';
import { parseBackendUrl } from '../core/backend-url.ts';
import { discoverSchema } from './discover.ts';
import { sessionPart } from './request-part.ts';
import { balancerNames } from '../policy/balance/balancer.ts';

/** A length of time of the configuration file. */
export const milliseconds = z.int().min(1).max(3_600_000);

const backendUrl = z.string().superRefine((text, context) => {
  const parsed = parseBackendUrl(text);
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
});

const tlsSchema = z
  .strictObject({
    /** A PEM file with certificates of authorities, in place of the well-known ones. */
    caFile: z.string().min(1).optional(),
    /** The gateway's own certificate in PEM form, for backends that ask for one. */
    certFile: z.string().min(1).optional(),
    /** Its private key, without a password. */
    keyFile: z.string().min(1).optional(),
    /** The name in the backends' certificates; their host by default. */
    serverName: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,253}$/, 'must be a host name')
      .optional(),
    /** Whether certificates are verified. True by default. */
    verify: z.boolean().optional(),
  })
  .refine(
    ({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined),
    'must have certFile and keyFile together',
  );

const admissionSchema = z.strictObject({
  /** `fixed`: the caps are the limit. `adaptive`: fewer, where trials show that throughput does not suffer. */
  limit: z.enum(['fixed', 'adaptive']).optional(),
  /** Requests in flight at all backends that an adaptive limit leaves. */
  minLimit: z.int().min(1).max(100_000).optional(),
  /** A request may join the queue if it can expect to wait no longer. `auto`: about one round of the permits. */
  maxWaitMs: z.union([z.literal('auto'), milliseconds]).optional(),
});

const healthSchema = z.strictObject({
  /** A backend passes when it answers 2xx here. */
  path: z.string().startsWith('/'),
  /** The Host of the check; the backend's own address by default. */
  host: z
    .string()
    .regex(/^[\w.:[\]-]{1,255}$/, 'must be a host name, with a port if need be')
    .optional(),
  /** Time between two checks of a backend; a fifth of it, though not below 100 ms, while it is down. 500 by default. */
  intervalMs: milliseconds.min(10).optional(),
  /** Longest wait for the head of the answer. 1000 by default. */
  timeoutMs: milliseconds.optional(),
  /** Passed checks in a row that bring a backend up. 2 by default. */
  rise: z.int().min(1).max(100).optional(),
  /** Failed checks in a row that take a backend down. 3 by default; a refused connection does at once. */
  fall: z.int().min(1).max(100).optional(),
  /** Cancel what a backend that went down has not answered, if another one is up. No by default. */
  cancelOnDown: z.boolean().optional(),
});

/** The permits of a fleet upstream while a host is cut off. */
const fleetSchema = z.strictObject({
  /** The part of each cap that the hosts keep together while they are cut off from Valkey. 0.5 by default. */
  floor: z.number().min(0).max(1).optional(),
  /** How many hosts there are; a host that has never reached Valkey then serves with its part of the floor. None by default. */
  expectedHosts: z.int().min(1).max(10_000).optional(),
});

/** An upstream of the configuration file. */
export const upstreamSchema = z.strictObject({
  /** The interchangeable backends: `http://host:port`, `https://host:port`, or `unix:/path/of/a/socket`. */
  backends: z.array(backendUrl).max(1000).default([]),
  /** Takes the backends out of DNS, in place of `backends`. */
  discover: discoverSchema.optional(),
  /** Those of `backends` that take no new requests, as before a maintenance. */
  drained: z.array(backendUrl).max(1000).optional(),
  /** Backends that are used only while none of the others is up. */
  backup: z.array(backendUrl).min(1).max(1000).optional(),
  /** Requests in flight at one backend, counted over the whole host. */
  cap: z.int().min(1).max(100_000).optional(),
  /** Permits of the upstream that bulk requests leave free for interactive ones, over the whole host. None by default. */
  reserved: z.int().min(1).max(1_000_000).optional(),
  /** Whether the cap counts over this host or over all hosts with the same VALKEY_URL. `host` by default. */
  scope: z.enum(['host', 'fleet']).optional(),
  /**
   * Of a fleet: `prompt` by default. `strict`: the cap holds whatever fails, because requests are ended after `maxDurationMs`.
   * `soft`: each host has the whole cap, and chooses backends by what it sees of them.
   */
  mode: z.enum(['strict', 'prompt', 'soft']).optional(),
  /** Longest request of a strict upstream, bodies included. UPSTREAM_TIMEOUT_MS by default. */
  maxDurationMs: milliseconds.optional(),
  fleet: fleetSchema.optional(),
  /** Path of the health check; short for `health: { path }`. */
  healthPath: z.string().startsWith('/').optional(),
  health: healthSchema.optional(),
  /** Whether /readyz needs one of its backends to be up. No by default. */
  required: z.boolean().optional(),
  /** Requests that may wait, counted over the whole host. */
  queueCapacity: z.int().min(0).max(100_000).optional(),
  /**
   * Longest wait of a request in the queue. If it is set, it is also the default of `admission.maxWaitMs`. If not, it is
   * QUEUE_TIMEOUT_MS, or two rounds of the permits where these take longer (30000 at most).
   */
  queueTimeoutMs: milliseconds.optional(),
  admission: admissionSchema.optional(),
  /** How a backend is chosen. */
  balancer: z.enum(balancerNames).optional(),
  /**
   * Sends the requests of one session to one backend, while that backend can take them: by `key`, `address`, `header:NAME`,
   * `cookie:NAME`, or `session:NAME`, a cookie that the gateway sets.
   */
  hashBy: sessionPart.optional(),
  /** Tunnels, event streams and long polls, which are no part of the cap. */
  streams: z
    .strictObject({
      /** Open at a time, on this host. 1000 by default. */
      max: z.int().min(0).max(1_000_000).optional(),
      /** A tunnel in which nothing was said for this long is closed. An hour by default. */
      idleTimeoutMs: z.int().min(1).max(86_400_000).optional(),
    })
    .optional(),
  /** How https backends are asked. Paths of files start at the folder in which Rampart was started. */
  tls: tlsSchema.optional(),
  /** Largest head of a reply. 16 KiB by default. */
  replyHeadBytes: z
    .int()
    .min(1024)
    .max(1024 ** 2)
    .optional(),
});
