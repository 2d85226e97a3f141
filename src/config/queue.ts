import type { Environment } from './environment.ts';
import type { UpstreamFile } from './health.ts';
import type { UpstreamConfig } from './model.ts';

/** Places in the queue per permit, where nothing was set. */
const ROUNDS_OF_CAPACITY = 10;

type QueueFile = Pick<UpstreamFile, 'queueCapacity' | 'queueTimeoutMs' | 'admission'>;
type QueueConfig = Pick<
  UpstreamConfig,
  'queueCapacity' | 'queuePerPermit' | 'queueTimeoutMs' | 'isQueueTimeoutSet' | 'admission'
>;

/** The queue before an upstream with so many permits. */
export type QueueSettings = (file: QueueFile, permits: number) => QueueConfig;

/** `given`: the variables that were set. */
export function queueSettings(env: Environment, given: ReadonlySet<string>): QueueSettings {
  const { QUEUE_CAPACITY: capacity, QUEUE_TIMEOUT_MS: timeoutMs } = env;
  return (file, permits) => {
    const setTimeoutMs = file.queueTimeoutMs ?? (given.has('QUEUE_TIMEOUT_MS') ? timeoutMs : undefined);
    // A timeout that was set is a wait that is allowed.
    const maxWaitMs = file.admission?.maxWaitMs ?? setTimeoutMs ?? 'auto';
    // Clients that never back off wait, rather than being refused again and again: eight times the permits find room.
    const isSet = file.queueCapacity !== undefined || given.has('QUEUE_CAPACITY');
    const queuePerPermit = isSet ? 0 : ROUNDS_OF_CAPACITY;
    return {
      queueCapacity: file.queueCapacity ?? Math.max(capacity, queuePerPermit * permits),
      queuePerPermit,
      queueTimeoutMs: setTimeoutMs ?? (maxWaitMs === 'auto' ? timeoutMs : maxWaitMs),
      isQueueTimeoutSet: setTimeoutMs !== undefined || maxWaitMs !== 'auto',
      admission: {
        limit: file.admission?.limit ?? 'fixed',
        minLimit: file.admission?.minLimit ?? 1,
        maxWaitMs,
      },
    };
  };
}
