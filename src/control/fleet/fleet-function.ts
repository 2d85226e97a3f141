import { readFileSync } from 'node:fs';
import type { FunctionLibrary } from '../../store/valkey/valkey-client.ts';

/** The fleet book as functions in Valkey. */
export const fleetLibrary = (): FunctionLibrary => ({
  name: 'rampart_fleet_1',
  code: readFileSync(new URL('fleet-book.lua', import.meta.url), 'utf8'),
});

/** What all keys of the book begin with. */
export const FLEET_PREFIX = 'rampart:fleet:1';
