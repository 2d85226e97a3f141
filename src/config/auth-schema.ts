import { z } from 'zod';
import { ruleProblem } from '../core/own-fields.ts';
import { isPasswordHash } from '../core/password-hash.ts';
import { publicJwkProblem } from '../core/public-jwk.ts';
import { milliseconds } from './upstream-schema.ts';
import { fieldName } from './route-match-schema.ts';

/** A field that Rampart does not write itself. */
const freeField = fieldName.superRefine((text, context) => {
  const problem = ruleProblem(text, 'request');
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** Algorithms with a public key. A shared secret would have to stand in the file. */
export const publicKeyAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const certificateParts = ['subject', 'commonName', 'san', 'issuer', 'serial', 'fingerprint'] as const;

/** A key that stands in the file. Problems are without its text, which may be secret. */
const publicJwk = z.looseObject({ kty: z.string() }).superRefine((jwk, context) => {
  const message = publicJwkProblem(jwk);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

/** How tokens are checked (RFC 7519). */
export const jwtSchema = z
  .strictObject({
    /** The `iss` that a token must have. */
    issuer: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    /** The `aud` that a token must have one of. */
    audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    /** Where the issuer's keys are (RFC 7517 §5). */
    jwksUrl: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional(),
    /** The keys themselves, in place of their URL. */
    jwks: z.looseObject({ keys: z.array(publicJwk).min(1).max(100) }).optional(),
    /** Algorithms that are accepted; every one with a public key by default. */
    algorithms: z.array(z.enum(publicKeyAlgorithms)).min(1).optional(),
    /** How far clocks may differ. 30 by default. */
    clockSkewSeconds: z.int().min(0).max(600).optional(),
    /** Claims that the backend gets as header fields. A client cannot send these fields itself. */
    claimsToHeaders: z.record(z.string().min(1).max(200), freeField).optional(),
    /** Values that claims must have: the value itself, a list with it, or a text of words with it (`scope`). */
    require: z.record(z.string().min(1).max(200), z.string().min(1)).optional(),
    /** The cookie that has the token, for requests without Authorization. */
    cookie: fieldName.optional(),
  })
  .refine(({ jwksUrl, jwks }) => (jwksUrl === undefined) !== (jwks === undefined), 'must have either jwksUrl or jwks');

/** An upstream that decides who may come in. */
export const forwardAuthSchema = z.strictObject({
  upstream: z.string(),
  /** The path that is asked with GET: 2xx lets the request in, any other reply goes to the client. */
  path: z.string().regex(/^\/[^\s#\\]*$/, 'must be a path such as /verify'),
  /** Fields of the request that the upstream gets, beside X-Forwarded-Method, -Proto, -Host, -Uri and -For. `authorization` and `cookie` by default. */
  requestHeaders: z.array(freeField).min(1).max(50).optional(),
  /** Fields of its reply that the backend gets. A client cannot send these fields itself. */
  toBackend: z.array(freeField).max(50).optional(),
  /** For how long a verdict that lets a request in holds for the same fields, method and URL. 0 by default: not at all. */
  cacheSeconds: z.number().min(0).max(3600).optional(),
  /** Longest wait for its reply. 5000 by default. */
  timeoutMs: milliseconds.optional(),
});

const oneOrMore = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(1000)]);

/** How the certificate of the TLS handshake says who a client is. */
export const certificateAuthSchema = z.strictObject({
  /** What tells clients apart: `subject` (the default), `commonName`, `san`, `issuer`, `serial` or `fingerprint`. */
  client: z.enum(certificateParts).optional(),
  /** Values that a certificate must have, as one of a list: `fingerprint` is SHA-256 in hex, `san` any alternative name. */
  require: z
    .strictObject({
      subject: oneOrMore.optional(),
      commonName: oneOrMore.optional(),
      san: oneOrMore.optional(),
      issuer: oneOrMore.optional(),
      serial: oneOrMore.optional(),
      fingerprint: oneOrMore.optional(),
    })
    .optional(),
  /** Header fields by which the backend gets parts of it, or all (`certificate`, RFC 9440). A client cannot send these itself. */
  toHeaders: z
    .strictObject({
      subject: freeField.optional(),
      commonName: freeField.optional(),
      san: freeField.optional(),
      issuer: freeField.optional(),
      serial: freeField.optional(),
      fingerprint: freeField.optional(),
      certificate: freeField.optional(),
    })
    .optional(),
});

export const basicAuthSchema = z.strictObject({
  /** Hashes of passwords by user name; `rampart password` makes them. */
  users: z
    .record(
      z.string().regex(/^[^:\p{Cc}]{1,100}$/u, 'must be a user name without a colon'),
      z.string().refine(isPasswordHash, {
        // Without the value: it may be a password.
        error: 'must be a hash as `rampart password` makes it: got another text',
        abort: true,
      }),
    )
    .refine((users) => Object.keys(users).length > 0, 'must have a user'),
  /** What browsers show. `rampart` by default. */
  realm: z
    .string()
    .regex(/^[\w .-]{1,100}$/, 'must be words')
    .optional(),
});
