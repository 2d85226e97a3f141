import { hash } from 'node:crypto';

/** A longer part is known by its hash, because a client chooses it: control accepts no subject of any length. */
const MOST_CHARACTERS = 100;

/** The name of a client in the messages about its limits. */
export const subjectOf = (policy: string, id: string): string =>
  `${policy}:${id.length <= MOST_CHARACTERS ? id : hash('sha256', id, 'base64')}`;
