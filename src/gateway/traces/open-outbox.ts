import { tracesUrl } from '../../config/trace-settings.ts';
import type { Config } from '../../config/model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Registry } from '../../metrics/instruments.ts';
import { spanCounts } from '../../metrics/span-counts.ts';
import { SpanOutbox, type SpanOutboxOptions } from './span-outbox.ts';

/** The outbox of a worker; undefined where requests are not traced. */
export function openSpanOutbox(
  { config, clock, registry }: { readonly config: Config; readonly clock: Clock; readonly registry: Registry },
  send: SpanOutboxOptions['send'],
): SpanOutbox | undefined {
  if (tracesUrl(config.env) === undefined) return undefined;
  return new SpanOutbox({ clock, send, dropped: spanCounts(registry).of('dropped') });
}
