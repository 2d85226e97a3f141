import { readFileSync } from 'node:fs';
import { VersionedLibrary } from '../../store/valkey/function-library.ts';

/** The fleet book as functions in Valkey. */
export const fleetLibrary = new VersionedLibrary(
  'rampart_fleet',
  readFileSync(new URL('fleet-book.lua', import.meta.url), 'utf8'),
);

/** The prefix of all keys of the book. Another format of the entries takes another number. */
export const FLEET_PREFIX = 'rampart:fleet:1';
