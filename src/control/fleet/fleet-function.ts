import { readFileSync } from 'node:fs';
import { VersionedLibrary } from '../../store/valkey/function-library.ts';

/** The fleet book as functions in Valkey. */
export const fleetLibrary = new VersionedLibrary(
  'rampart_fleet',
  readFileSync(new URL('fleet-book.lua', import.meta.url), 'utf8'),
);

/** What all keys of the book begin with. A change of what is stored takes another number. */
export const FLEET_PREFIX = 'rampart:fleet:1';
