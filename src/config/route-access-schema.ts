import { z } from 'zod';
import { addressProblem } from '../core/addresses.ts';
import { basicAuthSchema, certificateAuthSchema, forwardAuthSchema, jwtSchema } from './auth-schema.ts';
import { checkClientLimit, clientLimitFields } from './client-limit.ts';
import { requestPart } from './request-part.ts';
import { fieldName } from './route-match-schema.ts';

export const addressOrRange = z.string().superRefine((text, context) => {
  const problem = addressProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

const origin = z
  .string()
  .regex(
    /^https?:\/\/(?:\*\.)?[A-Za-z0-9.-]+(?::\d{1,5})?$|^\w[\w.+-]*:\/\/[\w.-]+$/,
    'must be an origin such as https://shop.example or https://*.shop.example',
  );

const corsSchema = z
  .strictObject({
    /** Origins that may read replies, or `*` for all. */
    origins: z.union([z.literal('*'), z.array(origin).min(1).max(100)]),
    /** Methods that a preflight allows. Those of the route by default, or those that it asks for. */
    methods: z.array(z.string().regex(/^[A-Z]+$/, 'must be a method in capital letters, such as GET')).optional(),
    /** Header fields that a preflight allows; `*`: those that it asks for. */
    headers: z.union([z.literal('*'), z.array(fieldName).max(100)]).optional(),
    /** Header fields of the reply that a page may read. */
    exposeHeaders: z.array(fieldName).max(100).optional(),
    /** Whether cookies and credentials are allowed. No by default. */
    credentials: z.boolean().optional(),
    /** For how long a browser remembers a preflight. 600 by default. */
    maxAgeSeconds: z.int().min(0).max(86_400).optional(),
  })
  .refine(
    ({ origins, credentials }) => origins !== '*' || credentials !== true,
    "must name its origins if credentials are allowed, because '*' would let every page read a user's data",
  );

/** Who may use a route. */
export const accessFields = {
  /** How a client says who it is: an API key (`'key'`, true, the default), `'jwt'`, `'basic'`, `'forward'`, a client `'certificate'`, or not at all (`'none'`, false). */
  authenticate: z.union([z.boolean(), z.enum(['key', 'none', 'jwt', 'basic', 'forward', 'certificate'])]).optional(),
  /** The settings of `authenticate: 'jwt'`; those of the file by default. */
  jwt: jwtSchema.optional(),
  /** The settings of `authenticate: 'basic'`; those of the file by default. */
  basic: basicAuthSchema.optional(),
  /** The settings of `authenticate: 'forward'`; those of the file by default. */
  forward: forwardAuthSchema.optional(),
  /** The settings of `authenticate: 'certificate'`; those of the file by default. */
  certificate: certificateAuthSchema.optional(),
  /** Addresses and ranges that may use the route; every other one gets 403. The client's address behind `trustedProxies`. */
  allow: z.array(addressOrRange).min(1).optional(),
  /** Addresses and ranges that may not. Checked first. */
  deny: z.array(addressOrRange).min(1).optional(),
  /** How much one client may use the route, over this host. */
  limit: z
    .strictObject({
      ...clientLimitFields,
      /** What it counts by: `key` (the default), `address`, `header:NAME` or `cookie:NAME`. */
      by: requestPart.refine((part) => part !== 'random', 'must not be random').optional(),
      /** A header field with the number of requests that a request counts as, such as the tokens of a language model. */
      cost: z
        .strictObject({
          header: fieldName,
          /** Whether the field is the request's or the reply's (the default). */
          of: z.enum(['request', 'response']).optional(),
        })
        .optional(),
    })
    .superRefine(checkClientLimit)
    .refine(({ requestsPerSecond, cost }) => requestsPerSecond !== undefined || cost === undefined, {
      message: 'must have requestsPerSecond, because the cost is counted within the rate',
      path: ['cost'],
    })
    .optional(),
  /** Which pages of other origins may use the route. Preflights are answered by the gateway. */
  cors: corsSchema.optional(),
  /** Parameters of the path that no log shows. */
  secret: z.array(z.string()).optional(),
};
