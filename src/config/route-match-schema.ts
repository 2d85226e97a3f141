import { z } from 'zod';

const hostName = z
  .string()
  .regex(
    /^(?:(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\])$/,
    'must be a host name such as shop.example or *.shop.example, without a port',
  );

export const fieldName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, 'must be the name of a header field');

/** True: the field is there, whatever its value. */
const wanted = z.union([z.literal(true), z.string()]);

const pathText = z
  .string()
  .regex(/^\/(?:[^\s*?#%\\;]*\/)?(?:\*|[^\s*?#%\\;]*)$/, {
    error: 'must start with / and may end in /*, without other *, ?, #, %, ; or spaces',
    abort: true,
  })
  .refine((path) => /^[\x21-\x7e]+$/.test(path), 'must have ASCII characters only')
  .refine((path) => !/\/[^/:]*\{/.test(path), 'must write a parameter as :name')
  .refine(
    (path) => (path.match(/\/:[^/]*/g) ?? []).every((segment) => /^\/:[A-Za-z_]\w{0,30}$/.test(segment)),
    'must give each parameter a name of letters, digits and _, such as :id',
  )
  .refine((path) => {
    const names = path.match(/\/:[^/]*/g) ?? [];
    return new Set(names).size === names.length;
  }, 'must give each parameter a name of its own')
  .refine(
    (path) => !path.split('/').some((segment) => segment === '.' || segment === '..'),
    'must have no dot segments',
  );

/** What requests a route takes. */
export const matchFields = {
  /** Host names, without port: exact, or `*.` and a name, which stands for one more label. Every host by default. */
  host: z.union([hostName, z.array(hostName).min(1).max(100)]).optional(),
  /** A path: literal segments, `:name` for any one segment, and at the end perhaps `/*` for any rest. */
  path: pathText,
  methods: z
    .array(z.string().regex(/^[A-Z]+$/, 'must be a method in capital letters, such as GET'))
    .min(1)
    .optional(),
  /** Header fields that the request must have: a value, or true for any value. */
  headers: z.record(fieldName, wanted).optional(),
  /** Query fields that the request must have: a value, or true for any value. */
  query: z.record(z.string().min(1).max(200), wanted).optional(),
};
