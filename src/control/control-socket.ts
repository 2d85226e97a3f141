import { existsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { tellControl } from './link.ts';

/** The Unix socket at which the control of a host listens. */
export const controlSocket = (runFolder: string): string => join(runFolder, 'control.sock');

/** Removes the socket of a control that was killed; a UsageError where a control still listens at it. */
export async function claimControlSocket(path: string): Promise<void> {
  if (!existsSync(path)) return;
  // A connection that is accepted comes from a running control; a socket that nobody accepts at was left by a killed one.
  if ((await tellControl(path, { type: 'ping' })) !== 'absent') {
    throw new UsageError(`Cannot start control, as another one runs for this data directory: it listens at ${path}`);
  }
  unlinkSync(path);
}
