import type { ControlMessage, MemberMessage } from '../../src/protocol/messages.ts';

/** One message of each type: the compiler asks for an example when a type is added. */
type Examples<Message extends { readonly type: string }> = {
  readonly [Type in Message['type']]: Extract<Message, { readonly type: Type }>;
};

/** A valid example of each message of a process to control. */
export const memberExamples: Examples<MemberMessage> = {
  hello: { type: 'hello', member: 'm', role: 'gateway', instance: 0, pid: 1, version: '1', startedAtMs: 0 },
  report: {
    type: 'report',
    metrics: [
      { name: 'a_total', help: 'a', kind: 'counter', merge: 'sum', labels: ['b'], series: [[['c'], 1]] },
      {
        name: 'd_seconds',
        help: 'd',
        kind: 'histogram',
        merge: 'sum',
        labels: [],
        bounds: [1],
        series: [[[], { counts: [1, 0], sum: 0.5 }]],
      },
    ],
    status: { draining: false },
  },
  holdings: { type: 'holdings', held: { app: { 'app-0': 1 } }, pidNamespace: 'pid:[1]', configHash: 'abc' },
  held: {
    type: 'held',
    upstream: 'app',
    report: { seen: 1, held: { 'app-0': 1 }, queued: 3, bulk: 1, inFlight: 1, ended: 5, busyMs: 12.5 },
  },
  tokens: {
    type: 'tokens',
    asks: [{ subject: 'key:a', limit: { requestsPerSecond: 1, burst: 1 }, wanted: 1, spent: 0, returned: 0, chain: 0 }],
  },
  places: {
    type: 'places',
    asks: [{ subject: 'route:a', max: 2, wanted: 1, held: 0, returned: 0 }],
  },
  announce: { type: 'announce', upstream: 'generator', origin: 'http://127.0.0.1:9100' },
  traces: { type: 'traces', requests: [['trace']], attempts: [] },
  withdraw: { type: 'withdraw' },
  'config-prepared': { type: 'config-prepared', version: { number: 2, hash: 'abc' }, problems: ['too large'] },
  'config-committed': {
    type: 'config-committed',
    version: { number: 2, hash: 'abc' },
    configHash: 'def',
    held: { app: { 'app-0': 1 } },
  },
  ask: { type: 'ask', what: 'reload', dryRun: true, force: false, who: 'me' },
  'cache-position': { type: 'cache-position', position: { epoch: 1, number: 1 } },
  invalidate: { type: 'invalidate', id: 1, order: { invalidate: { host: 'a', targets: ['/x'], selection: '' } } },
  forgotten: { type: 'forgotten', number: 1, entries: 1 },
  'find-record': { type: 'find-record', ask: { number: 1, id: 'i', keyId: 'k', withImage: true } },
  record: {
    type: 'record',
    asker: 'm',
    number: 1,
    answer: {
      kind: 'found',
      record: {
        id: 'i',
        keyId: 'k',
        symbology: 'qrcode',
        format: 'svg',
        text: 't',
        status: 'delivered',
        requestId: 'r',
        createdAtMs: 1,
        image: 'AA==',
      },
    },
  },
  'keys-changed': { type: 'keys-changed' },
  ping: { type: 'ping' },
};

/** A valid example of each message of control to a process. */
export const controlExamples: Examples<ControlMessage> = {
  members: {
    type: 'members',
    upstreams: { app: [{ id: 'app-0', origin: 'http://127.0.0.1:1' }] },
    configHash: 'abc',
  },
  backends: { type: 'backends', backends: [{ upstream: 'app', backend: 'app-0', up: true }] },
  lease: {
    type: 'lease',
    upstream: 'app',
    order: { kind: 'grant', number: 1, permits: { 'app-0': 1 }, fallback: { 'app-0': 1 } },
  },
  load: { type: 'load', upstream: 'app', load: { permits: 1, workers: 2, queued: 0, bulk: 0, inFlight: 1 } },
  'lease-end': { type: 'lease-end', endsAt: 1 },
  'keys-changed': { type: 'keys-changed' },
  'ticket-key': { type: 'ticket-key', key: Buffer.alloc(48).toString('base64') },
  tokens: {
    type: 'tokens',
    grants: [{ subject: 'key:a', tokens: 1, remaining: 0, retryAfterMs: 5, chain: 1, share: 0.5 }],
    hosts: 2,
  },
  places: { type: 'places', news: [{ subject: 'route:a', given: 1, isScarce: false }] },
  forget: { type: 'forget', position: { epoch: 1, number: 1 }, orders: [{ purge: { endpoint: 'app' } }] },
  trust: { type: 'trust', until: 1 },
  'find-record': { type: 'find-record', asker: 'm', ask: { number: 1, id: 'i', keyId: 'k', withImage: false } },
  record: { type: 'record', number: 1, answer: { kind: 'absent' } },
  invalidated: { type: 'invalidated', id: 1, position: { epoch: 1, number: 1 } },
  'config-prepare': { type: 'config-prepare', version: { number: 2, hash: 'abc' }, file: { routes: [] } },
  'config-commit': { type: 'config-commit', version: { number: 2, hash: 'abc' } },
  'config-abandon': { type: 'config-abandon', version: { number: 2, hash: 'abc' } },
  config: { type: 'config', version: { number: 1, hash: 'abc' } },
  answer: { type: 'answer', result: { version: 1 } },
  heartbeat: { type: 'heartbeat' },
  report: { type: 'report' },
};

/** A message as it stands on the wire. */
export const lineOf = (message: MemberMessage | ControlMessage): string => `${JSON.stringify(message)}\n`;
