import type { Clock } from '../core/clock.ts';
import { ConnectionShare } from './connection-share.ts';
import { isLostConnection, StoreError, type StoreFailure, toStoreError } from './errors.ts';
import { type ShareName, type Shares, shareNames } from './pool-size.ts';

/** What became of a call; `failed`: a bug. */
export type CallResult = 'ok' | 'failed' | StoreFailure;

export interface SlowCall {
  /** What it was for; never with its values. */
  readonly name: string;
  /** Its wait for a connection included. */
  readonly ms: number;
  readonly requestId: string | undefined;
}

export interface ObserverOptions {
  readonly clock: Clock;
  readonly shares: Shares;
  readonly waitMs: number;
  readonly isPoolFull: () => boolean;
  /** The request that the current work is done for. */
  readonly requestId?: (() => string | undefined) | undefined;
  readonly onCall?: ((share: ShareName, result: CallResult) => void) | undefined;
  readonly onSlowQuery?: ((call: SlowCall) => void) | undefined;
}

const SLOW_QUERY_MS = 500;

/** Runs the calls of a store: each kind within its share, and each failure as a StoreError. */
export class StoreObserver {
  readonly #options: ObserverOptions;
  readonly #shares: Readonly<Record<ShareName, ConnectionShare>>;

  constructor(options: ObserverOptions) {
    this.#options = options;
    const { shares, waitMs, clock } = options;
    const share = (name: ShareName) => new ConnectionShare(shares[name], waitMs, clock);
    this.#shares = { keys: share('keys'), ledger: share('ledger'), reads: share('reads'), bulk: share('bulk') };
  }

  /** For metrics: connections in use and calls that wait, by kind of work. */
  get use(): readonly { readonly share: ShareName; readonly inUse: number; readonly waiting: number }[] {
    return shareNames.map((share) => {
      const { inUse, waiting } = this.#shares[share];
      return { share, inUse, waiting };
    });
  }

  /** A call that may have changed something when its connection is lost: it is not repeated. */
  write<Result>(share: ShareName, name: string, call: () => Promise<Result>): Promise<Result> {
    return this.#observe(share, name, call);
  }

  /** A call that changes nothing: if its connection is lost, it is repeated once, on another one. */
  read<Result>(share: ShareName, name: string, call: () => Promise<Result>): Promise<Result> {
    return this.#observe(share, name, () =>
      call().catch((error: unknown) => {
        if (isLostConnection(error)) return call();
        throw error;
      }),
    );
  }

  /** A write that is as slow as it is large, which is no slow query. */
  long<Result>(share: ShareName, name: string, call: () => Promise<Result>): Promise<Result> {
    return this.#observe(share, name, call, Number.POSITIVE_INFINITY);
  }

  async #observe<Result>(
    share: ShareName,
    name: string,
    call: () => Promise<Result>,
    slowMs = SLOW_QUERY_MS,
  ): Promise<Result> {
    const { clock, onCall, onSlowQuery, isPoolFull, requestId } = this.#options;
    const since = clock.now();
    const forRequest = requestId?.();
    let result: CallResult = 'failed';
    try {
      const value = await this.#shares[share].run(call);
      result = 'ok';
      return value;
    } catch (error) {
      const thrown = toStoreError(name, error, isPoolFull);
      if (thrown instanceof StoreError) result = thrown.reason;
      throw thrown;
    } finally {
      onCall?.(share, result);
      const ms = clock.now() - since;
      if (ms > slowMs) onSlowQuery?.({ name, ms, requestId: forRequest });
    }
  }
}
