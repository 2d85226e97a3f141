import { z } from 'zod';

/** What a session is: a part of the request, or a cookie of the gateway's own (`session:NAME`). */
export const sessionPart = z
  .string()
  .regex(
    /^(?:key|address|(?:header|cookie|session):[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})$/,
    'must be key, address, header:NAME, cookie:NAME or session:NAME',
  );

/** The part of a request that decides where it goes: `key`, `address`, `random`, `header:NAME` or `cookie:NAME`. */
export const requestPart = z
  .string()
  .regex(
    /^(?:key|address|random|(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})$/,
    'must be key, address, random, header:NAME or cookie:NAME',
  );
