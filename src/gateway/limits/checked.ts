import type { Refusal } from '../refusal.ts';

/** The answer of a limit: undefined if the request may go on. A promise only where control has to be asked. */
export type Checked = Refusal | undefined | Promise<Refusal | undefined>;

/** The refusal of the first check, or what the second one says; that runs only if the first has passed. */
export const thenCheck = (first: Checked, second: () => Checked): Checked =>
  first instanceof Promise ? first.then((refusal) => refusal ?? second()) : (first ?? second());
