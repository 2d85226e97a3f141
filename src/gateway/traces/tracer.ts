import type { AddressSet } from '../../core/addresses.ts';
import type { Clock } from '../../core/clock.ts';
import { randomHex } from '../../core/ids.ts';
import type { Config } from '../../config/model.ts';
import { keepsFailures, type Sampler, samplerOf } from '../../policy/traces/sampling.ts';
import type { Exchange } from '../exchange.ts';
import { peerAddress } from '../http/peer-address.ts';
import { traceParentOf } from '../http/trace-context.ts';
import { SLOW_MS, slowMs } from '../request-times.ts';
import type { AttemptSpan } from './attempt-span.ts';
import { RequestTrace, type SpanWriter } from './request-trace.ts';
import type { SpanOutbox } from './span-outbox.ts';
import { TraceRecordWriter, traceStateOf } from './trace-records.ts';

/** The most requests a second that are traced although the sampler left them out, because under overload all could fail. */
const MAX_LATE_PER_SECOND = 50;

export interface TracerOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly trustedProxies: AddressSet;
  readonly outbox: Pick<SpanOutbox, 'addRequest' | 'addAttempt'>;
}

/** Traces the requests of a worker. Control sends the spans on, so a slow collector never touches a worker. */
export class Tracer implements SpanWriter {
  readonly #options: TracerOptions;
  readonly #sampler: Sampler;
  readonly #keepsFailures: boolean;
  readonly #trustsAnyone: boolean;
  readonly #records: TraceRecordWriter;
  #second = 0;
  #late = 0;

  constructor(options: TracerOptions) {
    const { config, trustedProxies } = options;
    const { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: share } = config.env;
    this.#options = options;
    this.#sampler = samplerOf(name, share);
    this.#keepsFailures = keepsFailures(name);
    this.#trustsAnyone = config.traces.trust === 'anyone';
    this.#records = new TraceRecordWriter({ clientAddress: config.accessLog.clientAddress, trustedProxies });
  }

  /** The same tracer with the settings of another version of the configuration. */
  withConfig(config: Config): Tracer {
    return new Tracer({ ...this.#options, config });
  }

  /** Starts the trace of a request, or takes part in that of its client. */
  begin(x: Exchange): void {
    let parent = traceParentOf(x.traceparent);
    if (parent !== undefined && !this.#trustsAnyone && !this.#isTrusted(x)) {
      parent = undefined;
      // Without `traceparent`, `tracestate` is not passed on either.
      x.traceparent = '';
    }
    const traceId = parent?.traceId ?? randomHex(16);
    const parentSampled = parent === undefined ? undefined : (parent.flags & 1) === 1;
    x.trace = new RequestTrace(x, traceId, parent, this.#sampler({ traceId, parentSampled }), this);
  }

  writeRequest(trace: RequestTrace): void {
    const isLate = !trace.isSampled;
    trace.isWritten = !isLate || (this.#keepsFailures && isNotable(trace) && this.#admitLate());
    if (trace.isWritten) this.#options.outbox.addRequest(this.#records.request(trace, this.#wallOffset(), isLate));
  }

  writeLateAttempt(trace: RequestTrace, span: AttemptSpan): void {
    const attempt = this.#records.attempt(trace, span, this.#wallOffset());
    const { traceId, spanId: parentId, flags } = trace;
    this.#options.outbox.addAttempt({ traceId, parentId, flags, traceState: traceStateOf(trace), attempt });
  }

  #isTrusted(x: Exchange): boolean {
    return this.#options.trustedProxies.has(peerAddress(x.request.peerAddress));
  }

  #wallOffset(): number {
    const { clock } = this.#options;
    return clock.wallNow() - clock.now();
  }

  #admitLate(): boolean {
    const second = Math.floor(this.#options.clock.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#late = 0;
    }
    return ++this.#late <= MAX_LATE_PER_SECOND;
  }
}

/** Whether a request failed or was slow, so that it is traced although the sampler left it out. */
function isNotable({ x, status, elapsedMs }: RequestTrace): boolean {
  if (status >= 500) return true;
  if (x.failure !== undefined && x.failure !== 'client-closed') return true;
  return slowMs(x, elapsedMs) > SLOW_MS;
}
