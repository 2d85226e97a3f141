import { contentHash } from '../../core/canonical-json.ts';
import { uuidv7 } from '../../core/ids.ts';
import type { IdempotentRequest } from '../../store/idempotency.ts';
import type { BarcodeRecord } from '../../store/records.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { fieldValue } from '../http/request-fields.ts';
import { malformed } from '../http/request-head.ts';
import { AdmissionBusy } from '../limits/fair-admission.ts';
import { Refusal } from '../refusal.ts';
import { storeRefusal } from './store-refusal.ts';

const MAX_KEY_LENGTH = 255;
/** Visible characters of ASCII without quotes and commas; a quoted string of RFC 9651 stands for what is between the quotes. */
const keyPattern = /^(?:"([\x20-\x21\x23-\x5b\x5d-\x7e]+)"|([\x21\x23-\x2b\x2d-\x7e]+))$/;

/** Time beyond the queue and the backend, after which a claim belongs to a process that has died. */
const CLAIM_SLACK_MS = 10_000;
const HOUR_MS = 3_600_000;

/** A creation that has claimed its `Idempotency-Key`. */
export interface IdempotentCreation {
  /** The id of the record. */
  readonly id: string;
  /** Stores the record in PostgreSQL, before the reply. */
  complete(record: BarcodeRecord): Promise<Refusal | undefined>;
}

/**
 * Claims the `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header).
 *
 * Undefined without the header. The record of the first request, if that has ended; a refusal if it has not, or if its
 * body was another one. A claim is released when the request ends without a record.
 */
export async function claimCreation(
  gateway: GatewayContext,
  x: Exchange,
  body: unknown,
): Promise<IdempotentCreation | BarcodeRecord | Refusal | undefined> {
  const key = idempotencyKeyOf(x);
  if (key === undefined || key instanceof Refusal || x.key === undefined)
    return key instanceof Refusal ? key : undefined;
  const request = { keyId: x.key.id, key, bodyHash: Buffer.from(contentHash(body), 'hex') };
  return gateway.requestScope.run(x.id, () => claim(gateway, x, request)).catch(claimRefusal);
}

/** The `Idempotency-Key` of a request; undefined without the header. */
export function idempotencyKeyOf(x: Exchange): string | Refusal | undefined {
  const header = fieldValue(x.head, 'idempotency-key');
  if (header === undefined || x.key === undefined) return undefined;
  const isRepeated = x.head.names.indexOf('idempotency-key') !== x.head.names.lastIndexOf('idempotency-key');
  const key = isRepeated ? undefined : keyOf(header);
  return key ?? malformed(`Idempotency-Key must be one string of 1 to ${MAX_KEY_LENGTH} visible characters of ASCII`);
}

export const reused = new Refusal(
  'idempotency-key-reused',
  'the first request with this Idempotency-Key had another body',
);
export const inProgress = new Refusal('in-progress', 'the first request with this Idempotency-Key has not ended', {
  retryAfterSeconds: 1,
});
const overtaken = new Refusal(
  'in-progress',
  'this request took so long that another one with its Idempotency-Key has begun',
);
const busy = new Refusal('overloaded', 'too many requests with an Idempotency-Key are under way', {
  retryAfterSeconds: 1,
});

const claimRefusal = (error: unknown): Refusal => (error instanceof AdmissionBusy ? busy : storeRefusal(error));

function keyOf(header: string): string | undefined {
  const [, quoted, bare] = keyPattern.exec(header) ?? [];
  const key = quoted ?? bare;
  return key === undefined || key.length > MAX_KEY_LENGTH ? undefined : key;
}

async function claim(
  gateway: GatewayContext,
  x: Exchange,
  request: IdempotentRequest,
): Promise<IdempotentCreation | BarcodeRecord | Refusal> {
  const { clock, config, bugs } = gateway;
  const { idempotency } = gateway.store;
  const { UPSTREAM_TIMEOUT_MS, QUEUE_TIMEOUT_MS, IDEMPOTENCY_WINDOW_HOURS } = config.env;
  const id = uuidv7(clock.wallNow(), gateway.recordPeers.maker);
  const claimMs = UPSTREAM_TIMEOUT_MS + QUEUE_TIMEOUT_MS + CLAIM_SLACK_MS;
  const windowMs = IDEMPOTENCY_WINDOW_HOURS * HOUR_MS;
  // Bounded like reads, so that repeats of one client leave connections for keys and for the ledger.
  const { reads } = gateway.limits;
  const release = (): void => {
    idempotency
      .release(request, id)
      .catch((error: unknown) => gateway.log.debug({ err: error }, 'a claim was not released'));
  };
  const answer = await reads
    .run(request.keyId, () => idempotency.claim(request, { barcodeId: id, claimMs, windowMs }))
    .catch((error: unknown) => {
      // PostgreSQL may have taken the claim without our hearing of it.
      if (!(error instanceof AdmissionBusy)) release();
      throw error;
    });
  if (answer.kind === 'done') return answer.record;
  if (answer.kind === 'mismatch') return reused;
  if (answer.kind === 'under-way') return inProgress;
  let isDone = false;
  // PostgreSQL keeps a claim that is done, even if this process has not heard of it.
  const ended = (): void => {
    if (!isDone) release();
  };
  if (x.over) ended();
  else x.onClose = bugs.guard('idempotency', ended);
  return {
    id,
    async complete(record) {
      try {
        isDone = await gateway.requestScope.run(x.id, () =>
          reads.run(request.keyId, () => idempotency.complete(request, record)),
        );
      } catch (error) {
        return claimRefusal(error);
      }
      return isDone ? undefined : overtaken;
    },
  };
}
