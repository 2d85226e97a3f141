import type { UpstreamConfig } from '../../config/model.ts';
import type { BackendConfig } from '../../protocol/backends.ts';
import { Backend } from './backend.ts';
import type { UpstreamDependencies } from './upstream-dependencies.ts';

/** Makes the backends of an upstream. */
export function openerOf(
  { cap, name, replyHeadBytes, tls }: UpstreamConfig,
  { initialPermits, timeouts, metrics, clock, bugs }: UpstreamDependencies,
): (backend: BackendConfig, index: number) => Backend {
  const { connectMs } = timeouts;
  return (backend, index) =>
    new Backend(backend, index, {
      cap: initialPermits(cap),
      upstream: name,
      connectMs,
      replyHeadBytes,
      tls,
      metrics,
      clock,
      bugs,
    });
}
