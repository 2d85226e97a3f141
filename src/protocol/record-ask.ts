/** A worker looks for a record that may still be in the memory of the worker that made it. */
export interface RecordAsk {
  /** Chosen by the asking worker; its answer carries it. */
  readonly number: number;
  readonly id: string;
  /** The key that asks: what another key made does not exist for it. */
  readonly keyId: string;
  readonly withImage: boolean;
}

/** A record on its way between workers. */
export interface WireRecord {
  readonly id: string;
  readonly keyId: string;
  readonly symbology: string;
  readonly format: string;
  readonly text: string;
  readonly status: 'delivered' | 'aborted';
  readonly requestId: string;
  readonly createdAtMs: number;
  /** In Base64; absent unless it was asked for. */
  readonly image?: string | undefined;
}

/**
 * `absent`: the maker does not hold it, so PostgreSQL has it or there is none. `behind`: the maker has records on its disk
 * that are on their way, and it may be one of them. `unknown`: the maker is not here.
 */
export type RecordAnswer =
  | { readonly kind: 'found'; readonly record: WireRecord }
  | { readonly kind: 'absent' | 'behind' | 'unknown' };
