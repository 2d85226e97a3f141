import { builtinPrefix } from '../../config/own-routes.ts';
import { AddressSet } from '../../core/addresses.ts';
import { uuidv7 } from '../../core/ids.ts';
import { webhookUrlProblem } from '../../policy/batch/webhook-url.ts';
import type { Batch } from '../../store/batches/batches.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { bodyTooLarge, clientClosed } from '../http/body-refusals.ts';
import { fieldValue } from '../http/request-fields.ts';
import { AdmissionBusy, FairAdmission } from '../limits/fair-admission.ts';
import type { EndpointMetrics } from '../metrics.ts';
import { Refusal } from '../refusal.ts';
import type { LocalRoute } from '../routes/route.ts';
import { idempotencyKeyOf, inProgress, reused } from '../routes/idempotent-creation.ts';
import { storeRefusal } from '../routes/store-refusal.ts';
import { type BatchBody, batchItems, InvalidItems, UnreadableBatch } from './batch-items.ts';
import { publicBatch } from '../../store/batches/public-batch.ts';

/** As received. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;
const MEMORY_BYTES = 1024 * 1024;
/** Batches that a worker stores at a time: each takes a connection, and all of a processor. */
const AT_A_TIME = 1;

const formats: Readonly<Record<string, BatchBody['form']>> = {
  'application/json': 'array',
  'application/x-ndjson': 'lines',
  'application/ndjson': 'lines',
  'application/jsonl': 'lines',
};
const accepted = 'application/json, application/x-ndjson';
/** A header field, as the body is the list. */
const WEBHOOK_FIELD = 'rampart-webhook';
const HOUR_MS = 3_600_000;
const busy = new Refusal('overloaded', 'another batch is being stored', { retryAfterSeconds: 1 });

/** POST /v1/batches: accepts a list of barcodes, all of it or nothing. */
export function createBatchRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  const turns = new FairAdmission(AT_A_TIME, gateway.clock);
  const allowed = new AddressSet(gateway.config.env.BATCH_WEBHOOK_ALLOW);
  return {
    kind: 'local',
    metrics,
    async answer(x) {
      const webhook = webhookOf(x, allowed);
      if (webhook instanceof Refusal) return webhook;
      const body = await readBody(gateway, x);
      if (body instanceof Refusal) return body;
      if (x.over) return clientClosed;
      const startedAt = gateway.clock.now();
      const refusal = await turns.run(x.key?.id ?? '', () => accept(gateway, x, body, webhook)).catch(refusalOf);
      x.execMs = gateway.clock.now() - startedAt;
      x.execPhase = 'database';
      return refusal;
    },
  };
}

/** Where the end of the batch is to be announced; undefined if nowhere. */
function webhookOf(x: Exchange, allowed: AddressSet): string | undefined | Refusal {
  const url = fieldValue(x.head, WEBHOOK_FIELD)?.trim();
  const problem = url === undefined ? undefined : webhookUrlProblem(url, allowed);
  if (problem !== undefined) return badWebhook('url', problem);
  return url;
}

const badWebhook = (rule: string, problem: string): Refusal => {
  const detail = `Rampart-Webhook cannot be used: ${problem}`;
  return new Refusal('invalid-request', detail, { errors: [{ field: 'Rampart-Webhook', rule, detail: problem }] });
};
const noSecret = badWebhook(
  'no-secret',
  'this key has no secret that signs webhooks; the operator makes one with rampart keys webhook',
);

async function readBody(gateway: GatewayContext, x: Exchange): Promise<BatchBody | Refusal> {
  const form = formats[x.head.contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''];
  if (form === undefined) {
    const detail = `the body must be one of: ${accepted}`;
    return new Refusal('unsupported-media-type', detail, { headers: ['accept-post', accepted] });
  }
  const coding = fieldValue(x.head, 'content-encoding')?.trim().toLowerCase() ?? 'identity';
  if (coding !== 'identity' && coding !== 'gzip') {
    const detail = `the body may be packed with gzip alone: got ${coding.slice(0, 40)}`;
    return new Refusal('unsupported-media-type', detail, { headers: ['accept-encoding', 'gzip'] });
  }
  if ((x.head.contentLength ?? 0) > MAX_BODY_BYTES) return bodyTooLarge(MAX_BODY_BYTES);
  // Received whole first, so that a slow client holds no connection of the database.
  const stored = await gateway.uploads.receive(x, { maxBytes: MAX_BODY_BYTES, memoryBytes: MEMORY_BYTES });
  if (stored instanceof Refusal) return stored;
  return { form, isPacked: coding === 'gzip', content: stored.open() };
}

async function accept(
  gateway: GatewayContext,
  x: Exchange,
  body: BatchBody,
  webhook: string | undefined,
): Promise<Refusal | undefined> {
  const key = idempotencyKeyOf(x);
  if (key instanceof Refusal) return key;
  const { clock, config, store } = gateway;
  const createdAtMs = clock.wallNow();
  const windowMs = config.env.IDEMPOTENCY_WINDOW_HOURS * HOUR_MS;
  const idempotency = key === undefined ? undefined : { key, windowMs };
  const batch = { id: uuidv7(createdAtMs), keyId: x.key?.id ?? '', createdAtMs, idempotency, webhook };
  const answer = await store.batches.accept(batch, { [Symbol.asyncIterator]: () => batchItems(body, clock) });
  if (answer.kind === 'accepted') respondAccepted(gateway, x, { ...batch, total: answer.total });
  else if (answer.kind === 'repeated') respondAccepted(gateway, x, { ...answer.batch, webhook });
  else if (answer.kind === 'no-secret') return noSecret;
  else return answer.kind === 'mismatch' ? reused : inProgress;
  return undefined;
}

/** The same reply to a request and to its repetitions, however far the batch is meanwhile. */
function respondAccepted(
  { config }: GatewayContext,
  x: Exchange,
  {
    id,
    total,
    createdAtMs,
    webhook: url,
  }: Pick<Batch, 'id' | 'total' | 'createdAtMs'> & { webhook: string | undefined },
): void {
  const prefix = builtinPrefix(config);
  const waiting = { done: 0, failed: 0, status: 'running', startedAtMs: undefined, finishedAtMs: undefined } as const;
  const webhook = url === undefined ? undefined : ({ state: 'waiting', attempts: 0, lastError: undefined } as const);
  const json = JSON.stringify(publicBatch({ id, total, createdAtMs, webhook, ...waiting }, prefix, createdAtMs));
  const location = `${prefix}/v1/batches/${id}`;
  x.respond(202, ['content-type', 'application/json', 'location', location, 'cache-control', 'no-store'], json);
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof AdmissionBusy) return busy;
  if (error instanceof InvalidItems) {
    const { problems } = error;
    const [first] = problems;
    const detail = `nothing was accepted, because items are invalid; the first one is item ${first?.item}: ${first?.detail}`;
    return new Refusal('invalid-request', detail, { errors: problems });
  }
  if (error instanceof UnreadableBatch) return new Refusal(error.reason, error.message);
  return storeRefusal(error);
}
