import { hostname } from 'node:os';
import { tracesUrl } from '../../config/trace-settings.ts';
import { spanCounts } from '../../metrics/span-counts.ts';
import type { ControlDependencies } from '../control-dependencies.ts';
import { otlpBodies } from './otlp-body.ts';
import { otlpSender } from './otlp-sender.ts';
import { TraceExporter } from './trace-exporter.ts';

/** The exporter of a host, by its environment; undefined where requests are not traced. */
export function openTraceExporter(dependencies: ControlDependencies): TraceExporter | undefined {
  const { config, version, registry } = dependencies;
  const url = tracesUrl(config.env);
  if (url === undefined) return undefined;
  const {
    OTEL_SERVICE_NAME: serviceName,
    OTEL_RESOURCE_ATTRIBUTES: attributes,
    OTEL_EXPORTER_OTLP_HEADERS: headers,
    OTEL_EXPORTER_OTLP_COMPRESSION: compression,
  } = config.env;
  return new TraceExporter({
    ...dependencies,
    counts: spanCounts(registry),
    body: otlpBodies({ serviceName, version, host: hostname(), attributes }),
    post: otlpSender({ url, headers, compression }),
  });
}
