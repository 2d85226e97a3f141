import { makerOf, uuidv7Time } from '../../core/ids.ts';
import { StoreError } from '../../store/errors.ts';
import type { BarcodeRecord } from '../../store/records.ts';
import type { GatewayContext } from '../context.ts';
import { fromWireRecord } from '../record-peers.ts';
import { Refusal } from '../refusal.ts';

/** No worker makes ids so far ahead of its clock. */
const FUTURE_MS = 60_000;
/** The records of a worker that was killed are in PostgreSQL within this time. */
const YOUNG_MS = 5_000;
/** Each wait is twice as long as the one before: a second and a half in all, for a machine that is busy. */
const YOUNG_LOOKS = 6;

const notFound = new Refusal('not-found', 'there is no such barcode for this key');
const onItsWay = new Refusal('store-unavailable', 'the record may still be on its way to the database', {
  retryAfterSeconds: 1,
});

export interface RecordSearch<Found> {
  readonly keyId: string;
  readonly id: string;
  readonly withImage: boolean;
  /** Looks in PostgreSQL. */
  readonly look: () => Promise<Found | undefined>;
}

/**
 * A record by its id, wherever it is: in the memory of this worker, in PostgreSQL, or in the memory of the worker that
 * has made it, which the id names. Rejects as the look does.
 */
export async function findRecord<Found>(
  gateway: GatewayContext,
  { look, ...search }: RecordSearch<Found>,
): Promise<Found | BarcodeRecord | Refusal> {
  const { id, keyId } = search;
  const createdAt = uuidv7Time(id);
  if (createdAt === undefined || createdAt > gateway.clock.wallNow() + FUTURE_MS) return notFound;
  const own = gateway.ledger.find(id);
  if (own !== undefined) return own.keyId === keyId ? own : notFound;
  const first = await outcomeOf(look());
  if (first.found !== undefined) return first.found;
  const isMine = makerOf(id) === gateway.recordPeers.maker;
  const answer = isMine ? { kind: ownAnswer(gateway) } : await gateway.recordPeers.ask(search);
  if (answer.kind === 'found') return fromWireRecord(answer.record);
  if (first.failure !== undefined) throw first.failure;
  if (answer.kind === 'behind') return onItsWay;
  // Its maker may have written it between the first look and the answer.
  if (answer.kind === 'absent') return (isMine ? undefined : await look()) ?? notFound;
  return (await whileYoung(gateway, createdAt, look)) ?? notFound;
}

const ownAnswer = ({ ledger }: GatewayContext): 'behind' | 'absent' => (ledger.isBehind ? 'behind' : 'absent');

interface Outcome<Found> {
  readonly found?: Found | undefined;
  readonly failure?: StoreError;
}

/** PostgreSQL may be away while the record's maker still holds it. */
async function outcomeOf<Found>(look: Promise<Found | undefined>): Promise<Outcome<Found>> {
  try {
    return { found: await look };
  } catch (error) {
    if (error instanceof StoreError) return { failure: error };
    throw error;
  }
}

/** Looks again, while a record whose maker is not here may be on its way. */
async function whileYoung<Found>(
  gateway: GatewayContext,
  createdAt: number,
  look: () => Promise<Found | undefined>,
): Promise<Found | undefined> {
  for (let looks = 1; looks < YOUNG_LOOKS && gateway.clock.wallNow() - createdAt <= YOUNG_MS; looks++) {
    const waitMs = gateway.config.env.LEDGER_FLUSH_MS * 2 ** (looks - 1);
    await new Promise<void>((resolve) => void gateway.clock.setTimeout(resolve, waitMs));
    const found = await look();
    if (found !== undefined) return found;
  }
  return undefined;
}
