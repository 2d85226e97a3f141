import type { AttemptRecord, RequestRecord } from '../../src/protocol/trace-record.ts';

/** An attempt that succeeded. */
export const attemptRecord = (more: Partial<AttemptRecord> = {}): AttemptRecord => ({
  spanId: 'c'.repeat(16),
  startMs: 1_700_000_000_001,
  endMs: 1_700_000_000_009.5,
  method: 'GET',
  upstream: 'shop',
  backend: 'shop-1',
  origin: 'http://10.0.0.7:3000',
  path: '/products/1',
  resends: 0,
  status: 200,
  error: '',
  cancelledBy: '',
  ...more,
});

/** A request that succeeded, with one attempt. */
export const requestRecord = (more: Partial<RequestRecord> = {}): RequestRecord => ({
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentId: '',
  startMs: 1_700_000_000_000,
  endMs: 1_700_000_000_010.25,
  method: 'GET',
  scheme: 'http',
  protocolVersion: '1.1',
  path: '/products/1',
  route: '/products/*',
  endpoint: 'products',
  status: 200,
  error: '',
  reason: '',
  clientAddress: '127.0.0.1',
  userAgent: '',
  requestId: 'r-1',
  queueMs: 0,
  permitMs: 0,
  coalescedMs: 0,
  execMs: 8,
  cache: '',
  keyId: '',
  stream: '',
  isLate: false,
  attempts: [attemptRecord()],
  ...more,
});
