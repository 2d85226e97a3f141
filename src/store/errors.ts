import { codeOf, messageOf, UsageError } from '../core/errors.ts';

/**
 * `busy`: no connection of the pool came free in time. `unavailable`: PostgreSQL is away or gave up; the same call may
 * succeed later. `rejected`: PostgreSQL will never take these values.
 */
export type StoreFailure = 'busy' | 'unavailable' | 'rejected';

/** Why the store could not do something; expected, unlike a bug. */
export class StoreError extends Error {
  readonly reason: StoreFailure;
  /** SQLSTATE, system error code or Prisma's code, where there is one. */
  readonly code: string | undefined;

  constructor(reason: StoreFailure, message: string, code: string | undefined, cause: unknown) {
    super(message, { cause });
    this.name = 'StoreError';
    this.reason = reason;
    this.code = code;
  }
}

/** Data exceptions, broken constraints, limits of a row: a matter of the values, not of the moment. */
const rejectedStates = /^(22|23|54)/;
/** pg and pg-pool have no codes for their own timeouts and lost connections. */
const lostMessages = /timeout|terminated|not queryable|Connection ended|Cannot use a pool after calling end/i;

/** Codes with which a connection ends: PostgreSQL's for its administrator, a crash or a session that was idle, and the system's. */
const lostCodes: ReadonlySet<string> = new Set(['57P01', '57P02', '57P05', '08003', '08006', 'ECONNRESET', 'EPIPE']);
const lostConnections = /Connection terminated|not queryable|Connection ended|Client was closed/i;

/** Whether the connection of a call was lost, as against one that could not be made, or that has not answered in time. */
export function isLostConnection(error: unknown): boolean {
  const cause = adapterCause(error);
  const code = cause?.originalCode ?? codeOf(error);
  if (code !== undefined && lostCodes.has(code)) return true;
  const said = cause?.originalMessage ?? messageOf(error);
  return lostConnections.test(said) && !said.includes('timeout');
}

interface AdapterCause {
  readonly originalCode?: string;
  readonly originalMessage?: string;
}

/** PostgreSQL's message, which Prisma's error contains. */
function adapterCause(error: unknown): AdapterCause | undefined {
  if (typeof error !== 'object' || error === null || !('meta' in error)) return undefined;
  const meta = error.meta as { driverAdapterError?: { cause?: AdapterCause } } | undefined;
  return meta?.driverAdapterError?.cause;
}

/** Prisma's messages begin with the call that failed, over several lines; the last one says why. */
function lastLine(message: string): string {
  return message.trim().split('\n').at(-1) ?? message;
}

/** The failure behind an error of pg or Prisma, or undefined where it looks like a bug of ours. */
function failureOf(error: unknown, code: string | undefined): StoreFailure | undefined {
  if (code !== undefined && rejectedStates.test(code) && code.length === 5) return 'rejected';
  if (code !== undefined) return /^P20[0-3]/.test(code) && code !== 'P2024' ? undefined : 'unavailable';
  return lostMessages.test(messageOf(error)) ? 'unavailable' : undefined;
}

/** Turns what a driver threw into a StoreError; what is no expected failure comes back as it was. */
export function toStoreError(what: string, error: unknown, isPoolFull: () => boolean): unknown {
  if (error instanceof StoreError || error instanceof UsageError) return error;
  const cause = adapterCause(error);
  const code = cause?.originalCode ?? codeOf(error);
  const said = cause?.originalMessage ?? lastLine(messageOf(error));
  if (said.includes('timeout exceeded when trying to connect') && isPoolFull())
    return new StoreError(
      'busy',
      `Cannot ${what}, as no database connection of this process came free in time`,
      code,
      error,
    );
  const reason = failureOf(error, code);
  return reason === undefined ? error : new StoreError(reason, `Cannot ${what}: ${said}`, code, error);
}
