import { z } from 'zod';

/** The part of a request that decides where it goes: `key`, `address`, `random`, `header:NAME` or `cookie:NAME`. */
export const requestPart = z
  .string()
  .regex(
    /^(?:key|address|random|(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})$/,
    'must be key, address, random, header:NAME or cookie:NAME',
  );
