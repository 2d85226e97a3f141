import type { Logger } from 'pino';
import type { Member } from './members.ts';

/** Logs that a worker cannot use a version of the configuration. */
export function logUnusableVersion(log: Logger, { instance, pid }: Member, problems: readonly string[]): void {
  log.warn({ worker: instance, pid, problems }, 'a worker cannot use a version');
}

/** Logs that a worker has another configuration than control. */
export function logOtherEnvironment(log: Logger, { instance, pid }: Member, theirs: string, control: string): void {
  log.warn(
    { worker: instance, pid, theirs, control },
    'a worker has another configuration than control, of the same file: their environments differ. Restart both with the same settings',
  );
}
