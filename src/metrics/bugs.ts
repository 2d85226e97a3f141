import type { Logger } from 'pino';
import type { Counter, Family, Registry } from './instruments.ts';

/** The request or connection that met a bug. */
export interface BugDetails {
  readonly requestId?: string;
  readonly endpoint?: string;
}

/**
 * Records unexpected exceptions. Every callback that Node, undici, a timer or a socket calls reports here instead of
 * throwing, so that the exception ends its own request or connection and never the process.
 */
export class Bugs {
  readonly #log: Logger;
  readonly #count: Family<Counter>;

  constructor(log: Logger, registry: Registry) {
    this.#log = log;
    this.#count = registry.counter('rampart_bugs_total', 'Exceptions that no code expected; a bug each', 'where');
    registry.onRefreshError = (error) => this.report('metrics', error);
  }

  /** Logs the exception with its stack and counts it. `where`: a fixed name, as it is a label. */
  report(where: string, error: unknown, details: BugDetails = {}): void {
    this.#count.of(where).value++;
    this.#log.error({ err: error instanceof Error ? error : new Error(String(error)), where, ...details }, 'bug');
  }

  /** Wraps a callback: if it throws, the exception is reported and `cleanUp` is called with the same arguments. */
  guard<Args extends readonly unknown[]>(
    where: string,
    callback: (...args: Args) => void,
    cleanUp?: (...args: Args) => void,
  ): (...args: Args) => void {
    return (...args) => {
      try {
        callback(...args);
      } catch (error) {
        this.report(where, error);
        cleanUp?.(...args);
      }
    };
  }
}
