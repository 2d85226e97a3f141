import { z } from 'zod';
import { ruleProblem } from '../core/own-fields.ts';
import { fieldName } from './route-match-schema.ts';

const ascii = (text: string): boolean => /^[\x21-\x7e]*$/.test(text);
const onlyAscii = 'must have ASCII characters only';

const plainPath = z
  .string()
  .refine(ascii, onlyAscii)
  .regex(/^\/(?:[^\s?#%\\;:*]*[^\s?#%\\;:*/])?$/, 'must be a path such as /api, without a slash at its end')
  .refine((path) => !/\/(?:\/|\.{1,2}(?:\/|$))/.test(path), 'must have no empty segments and no dot segments');

/** A path that is made anew: `:name` stands for a parameter of the route's path, and `*` at the end for its rest. */
const pathTemplate = z
  .string()
  .refine(ascii, onlyAscii)
  .regex(/^\/(?:[^\s?#%\\;*]*\/)?(?:\*|[^\s?#%\\;*]*)$/, 'must be a path such as /items/:id or /v2/*')
  .refine((path) => !/\/(?:\/|\.{1,2}(?:\/|$))/.test(path), 'must have no empty segments and no dot segments');

const fieldValue = z
  .string()
  .max(4096)
  .regex(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/, {
    error: 'must be the value of a header field: one line, without spaces at its ends',
  });

const headerRules = (of: 'request' | 'response') => {
  const name = fieldName.superRefine((text, context) => {
    const problem = ruleProblem(text, of);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });
  return z.strictObject({
    /** Replaces every line of a field. */
    set: z.record(name, fieldValue).optional(),
    /** Adds a line, and keeps those that are there. */
    add: z.record(name, fieldValue).optional(),
    /** Drops every line of a field. Done first. */
    remove: z.array(name).optional(),
  });
};

const status = (codes: readonly number[]) =>
  z.int().refine((code) => codes.includes(code), `must be one of ${codes.join(', ')}`);

/** A body of the file's own, or of a text file beside it. */
const bodyFields = {
  body: z.string().max(262_144).optional(),
  /** A text file, read when the configuration is read; its path counts from the configuration file. */
  file: z.string().min(1).optional(),
  /** text/html for files that end in .html, otherwise text/plain. */
  contentType: z
    .string()
    .regex(/^[\w.+-]+\/[\w.+-]+(?:; ?[\w-]+="?[\w.+-]+"?)*$/, 'must be a media type such as text/html; charset=utf-8')
    .optional(),
};

const oneBody = ({ body, file }: { body?: string | undefined; file?: string | undefined }): boolean =>
  (body === undefined) !== (file === undefined);

/** Pages in place of problem replies, for clients that prefer HTML: by status, or 4xx and 5xx. */
export const errorPagesSchema = z.record(
  z.string().regex(/^(?:[45]\d\d|[45]xx)$/, 'must be a status such as 503, or 4xx or 5xx'),
  z.strictObject(bodyFields).refine(oneBody, 'must have either body or file'),
);

export const redirectSchema = z
  .strictObject({
    /** A path or a URL; `:name` stands for a parameter of the route's path, and `*` at its end for the rest. */
    to: z
      .string()
      .refine(ascii, onlyAscii)
      .regex(
        /^(?:https?:\/\/[A-Za-z0-9.[\]:_-]+)?\/(?!\/)[^\s\\*]*\*?$/,
        'must be a path or a URL such as https://new.example/items/:id',
      )
      .optional(),
    /** To the same URL with https; a request that came over https goes to the next route. */
    scheme: z.literal('https').optional(),
    /** The port of that URL, if it is not 443. */
    port: z.int().min(1).max(65_535).optional(),
    /** Adds or removes the slash at the end of the path; a request that is right already goes to the next route. */
    trailingSlash: z.enum(['add', 'remove']).optional(),
    /** 308 by default, which keeps method and body. */
    status: status([301, 302, 303, 307, 308]).optional(),
  })
  .refine(
    ({ to, scheme, trailingSlash }) => [to, scheme, trailingSlash].filter((one) => one !== undefined).length === 1,
    'must have exactly one of to, scheme, trailingSlash',
  )
  .refine(({ scheme, port }) => port === undefined || scheme !== undefined, 'must have a port only beside scheme');

export const staticSchema = z
  .strictObject({
    /** 200 by default. */
    status: z.int().min(200).max(599).optional(),
    ...bodyFields,
    retryAfterSeconds: z.int().min(0).max(86_400).optional(),
  })
  .refine(({ body, file }) => body === undefined || file === undefined, 'must have either body or file');

/** What changes on the way to the backend and back. */
export const rewriteFields = {
  /** The path and the host that the backend gets. */
  rewrite: z
    .strictObject({
      /** Dropped from the front of the path; the rest must begin with a slash, or be empty. */
      stripPrefix: plainPath.optional(),
      /** Put in front of the path. */
      addPrefix: plainPath.optional(),
      /** The whole path made anew: `:name` stands for a parameter, `*` at its end for the rest. */
      path: pathTemplate.optional(),
      /** The Host that the backend gets. */
      host: z
        .string()
        .regex(/^[\w.:[\]-]{1,255}$/, 'must be a host name, with a port if need be')
        .optional(),
    })
    .refine(
      ({ stripPrefix, addPrefix, path }) =>
        path === undefined || (stripPrefix === undefined && addPrefix === undefined),
      'must have either path, or stripPrefix and addPrefix',
    )
    .optional(),
  /** Header fields of the request that the backend gets. */
  request: headerRules('request').optional(),
  /** Header fields of the reply that the client gets, error replies included. */
  response: headerRules('response').optional(),
  errorPages: errorPagesSchema.optional(),
};
