import { z } from 'zod';
import type { Snapshot } from '../metrics/instruments.ts';
import type { ControlMessage, MemberMessage } from './messages.ts';

const count = z.number().min(0);
const text = z.string().max(4096);
const permits = z.record(text, count);

const exemplar = z.union([z.null(), z.tuple([text, z.number(), z.number()])]);
const histogram = z.looseObject({
  counts: z.array(z.number()).max(1000),
  sum: z.number(),
  exemplars: z.array(exemplar).max(1000).optional(),
});
const family = z.looseObject({
  name: text,
  help: text,
  kind: z.enum(['counter', 'gauge', 'histogram', 'summary']),
  merge: z.enum(['sum', 'max']),
  labels: z.array(text).max(20),
  bounds: z.array(z.number()).max(1000).optional(),
  series: z.array(z.tuple([z.array(text).max(20), z.union([z.number(), histogram])])),
});
const snapshot = z.array(family);

const leaseReport = z.looseObject({
  seen: count,
  held: permits,
  queued: count,
  bulk: count.optional(),
  blocked: count.optional(),
  wanted: permits.optional(),
  inFlight: count.optional(),
  used: permits.optional(),
  ended: count.optional(),
  busyMs: count.optional(),
});
const hostLoad = z.looseObject({ permits: count, workers: count, queued: count, bulk: count, inFlight: count });
const leaseOrder = z.looseObject({
  kind: z.enum(['grant', 'recall']),
  number: count,
  permits: permits.optional(),
  fallback: permits.optional(),
  mode: z.enum(['spare', 'share', 'level', 'limit']).optional(),
  limits: permits.optional(),
  only: permits.optional(),
});
const rate = z.looseObject({ requestsPerSecond: z.number().positive(), burst: z.number().positive() });
const tokenAsk = z.looseObject({
  subject: text,
  limit: rate,
  wanted: count,
  spent: count,
  returned: count,
  chain: z.number(),
});
const tokenGrant = z.looseObject({
  subject: text,
  tokens: count,
  remaining: z.number(),
  retryAfterMs: count,
  chain: z.number(),
  share: z.number().min(0).max(1).optional(),
});
const placeAsk = z.looseObject({
  subject: text,
  max: z.int().min(1),
  wanted: count,
  held: count,
  returned: count,
});
const placeNews = z.looseObject({ subject: text, given: count, isScarce: z.boolean() });
const purgeTarget = z.looseObject({
  endpoint: text.optional(),
  host: text.optional(),
  target: z.string().optional(),
  group: z.string().optional(),
  soft: z.boolean().optional(),
});
const invalidation = z.looseObject({
  host: z.string(),
  targets: z.array(z.string()).max(100),
  selection: z.string(),
  groups: z.array(z.string()).optional(),
});
const newsPosition = z.looseObject({ stream: text, number: count });
const orderNews = z.looseObject({ id: text.optional(), position: newsPosition.optional() });
const cacheOrder = z.union([
  z.looseObject({ purge: purgeTarget, news: orderNews.optional() }),
  z.looseObject({ invalidate: invalidation, news: orderNews.optional() }),
]);
const cachePosition = z.looseObject({ epoch: count, number: count });
const recordAsk = z.looseObject({ number: count, id: text, keyId: text, withImage: z.boolean() });
const wireRecord = z.looseObject({
  id: text,
  keyId: text,
  symbology: text,
  format: text,
  text: z.string(),
  status: z.enum(['delivered', 'aborted']),
  requestId: text,
  createdAtMs: count,
  image: z.string().optional(),
});
const recordAnswer = z.union([
  z.looseObject({ kind: z.literal('found'), record: wireRecord }),
  z.looseObject({ kind: z.enum(['absent', 'behind', 'unknown']) }),
]);
const wireTrace = z.custom<readonly unknown[]>((value) => Array.isArray(value));
const nothing = z.looseObject({});
/** A worker checks it as it checks a file. */
const configFile = z.record(z.string(), z.unknown());
const version = z.looseObject({ number: count, hash: text });

/** The shape of each message of a process; further fields are allowed. */
const memberMessages: Record<MemberMessage['type'], z.ZodType> = {
  hello: z.looseObject({
    member: text,
    role: z.enum(['gateway', 'generator', 'control', 'batch', 'supervisor']),
    instance: count,
    pid: z.int().min(0),
    version: text,
    startedAtMs: z.number(),
  }),
  report: z.looseObject({ metrics: snapshot, status: z.unknown() }),
  holdings: z.looseObject({
    held: z.record(text, permits),
    pidNamespace: text,
    configHash: text,
    fileHash: text.optional(),
    maker: count.optional(),
  }),
  'config-prepared': z.looseObject({ version, problems: z.array(z.string()).max(10_000) }),
  'config-committed': z.looseObject({ version, configHash: text, held: z.record(text, permits) }),
  ask: z.looseObject({
    what: z.enum(['status', 'view', 'slo', 'reload', 'reload-fleet', 'fleet-config']),
    dryRun: z.boolean().optional(),
    force: z.boolean().optional(),
    atRestart: z.boolean().optional(),
    who: text.optional(),
  }),
  held: z.looseObject({ upstream: text, report: leaseReport }),
  tokens: z.looseObject({ asks: z.array(tokenAsk) }),
  places: z.looseObject({ asks: z.array(placeAsk) }),
  announce: z.looseObject({ upstream: text, origin: z.url().max(4096) }),
  withdraw: nothing,
  'cache-position': z.looseObject({ position: cachePosition.optional() }),
  invalidate: z.looseObject({ id: count, order: cacheOrder }),
  forgotten: z.looseObject({ number: count, entries: count }),
  'find-record': z.looseObject({ ask: recordAsk }),
  record: z.looseObject({ asker: text, number: count, answer: recordAnswer }),
  // Their elements are checked when they are read.
  traces: z.looseObject({ requests: z.array(wireTrace), attempts: z.array(wireTrace) }),
  'keys-changed': nothing,
  ping: nothing,
};

/** The shape of each message of control to a process. */
const controlMessages: Record<ControlMessage['type'], z.ZodType> = {
  members: z.looseObject({
    upstreams: z.record(text, z.array(z.looseObject({ id: text, origin: z.url().max(4096) }))),
    configHash: text,
  }),
  backends: z.looseObject({
    backends: z.array(z.looseObject({ upstream: text, backend: text, up: z.boolean() })),
  }),
  lease: z.looseObject({ upstream: text, order: leaseOrder }),
  load: z.looseObject({ upstream: text, load: hostLoad }),
  'lease-end': z.looseObject({
    endsAt: z.number(),
    standing: z.enum(['new', 'superseded', 'member']).optional(),
  }),
  'keys-changed': nothing,
  'ticket-key': z.looseObject({ key: z.base64().length(64) }),
  tokens: z.looseObject({ grants: z.array(tokenGrant), hosts: z.int().min(1).optional() }),
  places: z.looseObject({ news: z.array(placeNews) }),
  forget: z.looseObject({ position: cachePosition, orders: z.array(cacheOrder) }),
  invalidated: z.looseObject({ id: count, position: cachePosition }),
  trust: z.looseObject({ until: z.number(), news: newsPosition.optional() }),
  'find-record': z.looseObject({ asker: text, ask: recordAsk }),
  record: z.looseObject({ number: count, answer: recordAnswer }),
  'config-prepare': z.looseObject({ version, file: configFile }),
  'config-commit': z.looseObject({ version }),
  'config-abandon': z.looseObject({ version }),
  config: z.looseObject({ version, file: configFile.optional() }),
  answer: z.looseObject({ result: z.unknown() }),
  heartbeat: nothing,
  report: nothing,
};

/**
 * Stands for a message whose type is unknown, as from a later version. It is ignored: while processes are replaced one
 * by one, two versions talk to each other, and neither may lose its connection because the other one has learned more.
 */
export const UNKNOWN_TYPE = 'unknown type';
export type UnknownType = typeof UNKNOWN_TYPE;

/** The value if it is a valid message of a process; undefined if it is none. */
export const asMemberMessage = (value: unknown): MemberMessage | UnknownType | undefined =>
  check(memberMessages, value);

/** The value if it is a valid message of control; undefined if it is none. */
export const asControlMessage = (value: unknown): ControlMessage | UnknownType | undefined =>
  check(controlMessages, value);

/** The metrics of a process if the value has their shape; undefined for anything else, such as those of an older version. */
export function asSnapshot(value: unknown): Snapshot | undefined {
  return snapshot.safeParse(value).success ? (value as Snapshot) : undefined;
}

function check<Message extends { readonly type: string }>(
  schemas: Record<string, z.ZodType>,
  value: unknown,
): Message | UnknownType | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  const { type } = value;
  if (typeof type !== 'string') return undefined;
  if (!Object.hasOwn(schemas, type)) return UNKNOWN_TYPE;
  return schemas[type]?.safeParse(value).success === true ? (value as Message) : undefined;
}
