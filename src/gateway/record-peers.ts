import type { Clock, Timer } from '../core/clock.ts';
import type { RecordAnswer, RecordAsk, WireRecord } from '../protocol/record-ask.ts';
import type { Ledger } from '../store/ledger.ts';
import type { BarcodeRecord } from '../store/records.ts';

/** Longest wait for another worker; it answers within a turn of its event loop. */
const WAIT_LIMIT_MS = 250;
/** Asks that wait for their answers. */
const MAX_PENDING = 1_000;

export interface RecordPeersOptions {
  readonly clock: Clock;
  readonly ledger: Pick<Ledger, 'find' | 'isBehind'>;
  /** The number of this worker in the ids of its records: below MAKERS, and unlike those of other workers. */
  readonly maker?: number | undefined;
  /** Tells control; false when it cannot be told now. Undefined where there is no control. */
  readonly send?: ((ask: RecordAsk) => boolean) | undefined;
}

interface PendingAsk {
  readonly timer: Timer;
  readonly resolve: (answer: RecordAnswer) => void;
}

/** Finds records that other workers of the host have made and that PostgreSQL does not have yet. */
export class RecordPeers {
  readonly #options: RecordPeersOptions;
  readonly #pending = new Map<number, PendingAsk>();
  #lastNumber = 0;

  constructor(options: RecordPeersOptions) {
    this.#options = options;
  }

  /** The number of this worker in the ids of its records; undefined if they have none. */
  get maker(): number | undefined {
    return this.#options.maker;
  }

  /** Asks the worker that has made the record, once; `unknown` if it does not answer in time. */
  ask(search: Omit<RecordAsk, 'number'>): Promise<RecordAnswer> {
    const { clock, send } = this.#options;
    const number = ++this.#lastNumber;
    if (this.#pending.size >= MAX_PENDING || send?.({ ...search, number }) !== true)
      return Promise.resolve({ kind: 'unknown' });
    return new Promise((resolve) => {
      const timer = clock.setTimeLimit(() => this.answered(number, { kind: 'unknown' }), WAIT_LIMIT_MS);
      this.#pending.set(number, { timer, resolve });
    });
  }

  /** The answer to an ask of this worker. */
  answered(number: number, answer: RecordAnswer): void {
    const pending = this.#pending.get(number);
    if (pending === undefined) return;
    this.#pending.delete(number);
    pending.timer.cancel();
    pending.resolve(answer);
  }

  /** The answer to another worker's ask. */
  answerTo({ id, keyId, withImage }: RecordAsk): RecordAnswer {
    const { ledger } = this.#options;
    const record = ledger.find(id);
    if (record?.keyId === keyId) return { kind: 'found', record: toWireRecord(record, withImage) };
    return { kind: record === undefined && ledger.isBehind ? 'behind' : 'absent' };
  }

  /** Without control there is no answer to wait for. */
  lost(): void {
    for (const number of this.#pending.keys()) this.answered(number, { kind: 'unknown' });
  }
}

function toWireRecord({ bytes, ...record }: BarcodeRecord, withImage: boolean): WireRecord {
  return withImage ? { ...record, image: Buffer.from(bytes).toString('base64') } : record;
}

/** The record with its image, which is empty unless it was asked for. */
export function fromWireRecord({ image = '', ...record }: WireRecord): BarcodeRecord {
  return { ...record, bytes: Buffer.from(image, 'base64') };
}
