import { z } from 'zod';

/** A list from a function in Lua, which writes an empty list as an object. */
export const luaList = <T extends z.ZodType>(item: T) =>
  z.array(item).or(z.object({}).transform((): z.output<T>[] => []));
