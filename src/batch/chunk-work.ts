import { parseBarcodeRequest } from '../barcode/request.ts';
import type { Clock } from '../core/clock.ts';
import { type ItemVerdict, itemVerdict } from '../policy/batch/item-reply.ts';
import type { ChunkEnd, ItemOutcome, PendingItem } from '../store/batches/chunk-store.ts';
import type { ItemAnswer } from './gateway-client.ts';

export interface ChunkWorkOptions {
  readonly clock: Clock;
  /** Items in flight at a time. */
  readonly concurrency: number;
  render(request: string, signal: AbortSignal): Promise<ItemAnswer>;
  /** Stores outcomes; false if the chunk belongs to another worker by now. */
  store(outcomes: readonly ItemOutcome[], end: ChunkEnd): Promise<boolean>;
  /** Aborted when the process is to stop, or the batch was cancelled: what is left of the chunk is put back. */
  readonly signal: AbortSignal;
}

/** Outcomes that one transaction stores: enough to share its cost, and few enough that a crash repeats little. */
const PORTION = 100;
const PORTION_BYTES = 4 * 1024 * 1024;
/** A suspect item is tried this often in all: the last times alone, so that it breaks no other. */
const ATTEMPTS = 3;
/** After this time without room at the gateway the rest is put back, so that the chunk does not expire. */
const PATIENCE_MS = 60_000;
/** The same where the key has used up its rate: other keys have chunks, too. */
const OWN_LIMIT_PATIENCE_MS = 500;

/** The chunk belongs to another worker by now. */
class Lost extends Error {}

/** Works through the items of one chunk; resolves to how that ended. */
export class ChunkWork {
  readonly #options: ChunkWorkOptions;
  readonly #items: readonly PendingItem[];
  readonly #suspects: { readonly item: PendingItem; readonly answer: ItemAnswer }[] = [];
  #outcomes: ItemOutcome[] = [];
  #bytes = 0;
  #next = 0;
  #storing: Promise<void> = Promise.resolve();
  #isGivenUp = false;

  constructor(items: readonly PendingItem[], options: ChunkWorkOptions) {
    this.#items = items;
    this.#options = options;
  }

  async run(): Promise<'done' | 'put-back' | 'lost'> {
    try {
      const runners = Array.from({ length: this.#options.concurrency }, () => this.#runner());
      // All of them have ended before anything else is done, even if one has failed.
      await Promise.allSettled(runners);
      await this.#storing;
      for (const suspect of this.#suspects) await this.#alone(suspect.item, suspect.answer);
      await this.#storing;
      const end = this.#mustStop ? 'put-back' : 'done';
      await this.#flush(end);
      return end;
    } catch (error) {
      if (error instanceof Lost) return 'lost';
      throw error;
    }
  }

  get #mustStop(): boolean {
    return this.#isGivenUp || this.#options.signal.aborted;
  }

  async #runner(): Promise<void> {
    while (!this.#mustStop) {
      const item = this.#items[this.#next++];
      if (item === undefined) return;
      const answer = await this.#ask(item);
      if (answer === undefined) return;
      if (verdictOf(answer).kind === 'suspect') this.#suspects.push({ item, answer });
      else await this.#add(outcomeOf(item, answer));
    }
  }

  /** Tries an item that may break what it meets, with nothing else in flight here. */
  async #alone(item: PendingItem, first: ItemAnswer): Promise<void> {
    let answer = first;
    for (let attempt = 1; attempt < ATTEMPTS && verdictOf(answer).kind === 'suspect'; attempt++) {
      const next = await this.#ask(item);
      if (next === undefined) return;
      answer = next;
    }
    await this.#add(outcomeOf(item, answer));
  }

  /** The gateway's answer, when it has room; undefined if the work has to stop. */
  async #ask({ request }: PendingItem): Promise<ItemAnswer | undefined> {
    const { clock, signal } = this.#options;
    const since = clock.now();
    while (!this.#mustStop) {
      const answer = await this.#options.render(request, signal);
      if (signal.aborted) return undefined;
      const verdict = verdictOf(answer);
      if (verdict.kind !== 'later') return answer;
      const patienceMs = verdict.isOwnLimit ? OWN_LIMIT_PATIENCE_MS : PATIENCE_MS;
      if (clock.now() - since + verdict.afterMs > patienceMs) this.#isGivenUp = true;
      else await this.#pause(verdict.afterMs);
    }
    return undefined;
  }

  async #add(outcome: ItemOutcome): Promise<void> {
    this.#outcomes.push(outcome);
    if (outcome.kind === 'made') this.#bytes += outcome.bytes.length;
    if (this.#outcomes.length < PORTION && this.#bytes < PORTION_BYTES) return;
    // One transaction at a time; whoever fills the next portion meanwhile waits, so that memory stays bounded.
    const before = this.#storing;
    this.#storing = before.then(() => this.#flush('more'));
    this.#storing.catch(() => (this.#isGivenUp = true));
    await before;
  }

  async #flush(end: ChunkEnd): Promise<void> {
    const outcomes = this.#outcomes;
    this.#outcomes = [];
    this.#bytes = 0;
    if (outcomes.length === 0 && end === 'more') return;
    if (!(await this.#options.store(outcomes, end))) throw new Lost('another worker has the chunk');
  }

  /** Ends early when the work has to stop. */
  async #pause(ms: number): Promise<void> {
    const { clock, signal } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimeout(resolve, ms);
    const stop = (): void => resolve();
    signal.addEventListener('abort', stop);
    await promise;
    signal.removeEventListener('abort', stop);
    timer.cancel();
  }
}

const verdictOf = ({ reply }: ItemAnswer): ItemVerdict => itemVerdict(reply);

function outcomeOf({ item, request }: PendingItem, { reply, bytes, reason, detail }: ItemAnswer): ItemOutcome {
  if (reply.kind !== 'reply' || reply.status !== 200) return { kind: 'failed', item, reason, detail };
  const parsed = parseBarcodeRequest(JSON.parse(request));
  // It was valid when the batch was accepted, and the gateway has made its image.
  if (!parsed.ok)
    return { kind: 'failed', item, reason: 'invalid-request', detail: 'its request cannot be read any more' };
  return { kind: 'made', item, request: parsed.request, bytes };
}
