import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import type { Registry } from '../../metrics/instruments.ts';
import type { ConfigVersion } from '../../protocol/config-wire.ts';
import type { ChangeRequest, ReloadResult } from './change-request.ts';
import { ConfigMetrics } from './config-metrics.ts';

/** Refusals that say that the configuration cannot be used; the others are about how it was asked for. */
const lasting: ReadonlySet<string> = new Set(['invalid', 'workers', 'storage', 'restart-needed']);

/** What has become of the changes of the configuration: in the log, in the metrics and in the status. */
export class ChangeLog {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: ConfigMetrics;
  #last: { readonly atMs: number; readonly who: string; readonly result: ReloadResult } | undefined;
  #goodAtMs: number;

  constructor({ clock, log, registry }: { clock: Clock; log: Logger; registry: Registry }) {
    this.#clock = clock;
    this.#log = log;
    this.#metrics = new ConfigMetrics(registry);
    this.#goodAtMs = clock.wallNow();
  }

  inForce(version: ConfigVersion): void {
    this.#metrics.inForce(version);
  }

  /** A dry run changes nothing, and is only logged. */
  note({ who, dryRun }: ChangeRequest, result: ReloadResult): void {
    const { outcome, number, changes, problems } = result;
    if (dryRun !== true) {
      const atMs = this.#clock.wallNow();
      this.#metrics.changed(outcome);
      this.#last = { atMs, who, result };
      if (outcome !== 'refused') this.#goodAtMs = atMs;
    }
    const details = { who, version: number, ...(dryRun === true ? { dryRun } : {}) };
    const texts = changes.map(({ text }) => text);
    if (outcome === 'refused') {
      this.#log.error({ ...details, problems }, 'a change of the configuration is refused: nothing has changed');
    } else if (outcome === 'applied') {
      this.#log.info({ ...details, changes: texts }, 'another configuration is in force');
    } else this.#log.info({ ...details, changes: texts }, `configuration: ${outcome}`);
  }

  /** Why the last change is not in force; undefined if it is, or if it was asked for in a wrong way. */
  get refusal(): string | undefined {
    const { reason, problems } = this.#last?.result ?? { problems: [] };
    return reason !== undefined && lasting.has(reason) ? (problems[0] ?? reason) : undefined;
  }

  /** For `/api/status`. */
  status(): Record<string, unknown> {
    const at = (ms: number): string => new Date(ms).toISOString();
    const last = this.#last;
    return {
      last_success: at(this.#goodAtMs),
      last_reload:
        last === undefined
          ? null
          : { at: at(last.atMs), who: last.who, outcome: last.result.outcome, problems: last.result.problems },
    };
  }
}
