import { z } from 'zod';
import { balancerNames } from '../policy/balance/balancer.ts';

/** A length of time of the configuration file. */
export const milliseconds = z.int().min(1).max(3_600_000);

const httpUrl = z
  .url({ protocol: /^http$/, error: 'must be an http origin such as http://127.0.0.1:3000', abort: true })
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url === undefined || (url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '');
  }, 'must be an origin such as http://127.0.0.1:3000, without path, query or credentials');

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

/** An upstream of the configuration file. */
export const upstreamSchema = z.strictObject({
  /** Origins of the interchangeable backends. */
  backends: z.array(httpUrl).min(1).max(1000),
  /** Requests in flight at one backend, counted over the whole host. */
  cap: z.int().min(1).max(100_000).optional(),
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
  /** Tunnels, event streams and long polls, which are no part of the cap. */
  streams: z
    .strictObject({
      /** Open at a time, on this host. 1000 by default. */
      max: z.int().min(0).max(1_000_000).optional(),
      /** A tunnel in which nothing was said for this long is closed. An hour by default. */
      idleTimeoutMs: z.int().min(1).max(86_400_000).optional(),
    })
    .optional(),
  /** Largest head of a reply. 16 KiB by default. */
  replyHeadBytes: z
    .int()
    .min(1024)
    .max(1024 ** 2)
    .optional(),
});
