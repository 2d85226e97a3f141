import type { AddressSet } from '../../core/addresses.ts';
import type { AccessLogConfig, Config } from '../../config/model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Counter, Registry } from '../../metrics/instruments.ts';
import type { Exchange } from '../exchange.ts';
import type { UnparsedRequest } from '../http/unparsed-request.ts';
import { slowMs } from '../request-times.ts';
import { AccessLineWriter } from './access-line.ts';

/** A destination of lines that never blocks. */
export interface LineSink {
  write(line: string): void;
}

/** Lines of the access log by what became of them. */
export interface AccessLogCounts {
  readonly written: Counter;
  /** The destination, and the memory in front of it, were full. */
  readonly dropped: Counter;
  /** Left out by `sampleRate`. */
  readonly sampledOut: Counter;
}

export function accessLogCounts(registry: Registry): AccessLogCounts {
  const lines = registry.counter('rampart_access_log_lines_total', 'Lines of the access log', 'result');
  return { written: lines.of('written'), dropped: lines.of('dropped'), sampledOut: lines.of('sampled-out') };
}

export interface AccessLogOptions {
  readonly config: Pick<Config, 'accessLog' | 'routes'>;
  readonly trustedProxies: AddressSet;
  readonly sink: LineSink;
  readonly counts: AccessLogCounts;
  readonly clock: Clock;
  readonly random: Random;
}

/** Writes one line for each request that has ended; of those that are neither failed nor slow, a share. */
export class AccessLog {
  readonly #config: AccessLogConfig;
  readonly #options: AccessLogOptions;
  readonly #lines: AccessLineWriter;
  /** The number of the version of the configuration that these requests are served by; undefined until control has told. */
  configVersion: number | undefined;

  constructor(options: AccessLogOptions) {
    const { accessLog, routes } = options.config;
    this.#options = options;
    this.#config = accessLog;
    this.#lines = new AccessLineWriter(accessLog, routes, options.trustedProxies);
  }

  /** The same log with the settings of another version of the configuration. */
  withConfig(config: AccessLogOptions['config'], configVersion: number | undefined): AccessLog {
    const next = new AccessLog({ ...this.#options, config });
    next.configVersion = configVersion;
    return next;
  }

  /** `status` 499: the client left. */
  write(x: Exchange, status: number, elapsedMs: number): void {
    const { clock, random, sink, counts } = this.#options;
    const { configVersion } = this;
    const sampleRate = this.#isNotable(x, status, elapsedMs) ? 1 : this.#config.sampleRate;
    if (sampleRate < 1 && random() >= sampleRate) counts.sampledOut.value++;
    else sink.write(this.#lines.line({ x, status, elapsedMs, wallMs: clock.wallNow(), sampleRate, configVersion }));
  }

  /** A request without an exchange: Node's parser refused its bytes, or Rampart its method or expectation. */
  writeUnparsed(request: UnparsedRequest): void {
    const { clock, sink } = this.#options;
    sink.write(this.#lines.unparsed(request, clock.wallNow()));
  }

  /** Whether it is logged whatever the sampling: errors, refusals, clients that left, and slow requests. */
  #isNotable(x: Exchange, status: number, elapsedMs: number): boolean {
    if (status >= 500 || x.failure !== undefined || x.refusal !== undefined) return true;
    return slowMs(x, elapsedMs) > this.#config.slowMs;
  }
}
