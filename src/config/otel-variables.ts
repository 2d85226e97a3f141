import { type SamplerName, samplerNames } from '../policy/traces/sampling.ts';
import { anyText, fieldList, none, oneOf, optional, pairList, share, urlOf, variable } from './variable.ts';

type Pairs = readonly (readonly [string, string])[];
const noPairs = (): Pairs => [];

/** The variables of OpenTelemetry that Rampart reads, by its specification (SDK environment variables, OTLP exporter). */
export const otelVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: variable<string | undefined>(
    none,
    urlOf('http:', 'https:'),
    'an OpenTelemetry collector that gets traces, by OTLP/HTTP at /v1/traces; no traces without it',
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: variable<string | undefined>(
    none,
    urlOf('http:', 'https:'),
    'the whole URL for traces, in place of the one made from OTEL_EXPORTER_OTLP_ENDPOINT',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: variable<Pairs>(
    noPairs,
    fieldList,
    'header fields for the collector, such as authorization=Bearer%20…',
  ),
  OTEL_EXPORTER_OTLP_COMPRESSION: variable<'none' | 'gzip'>('none', oneOf('none', 'gzip'), 'none or gzip'),
  OTEL_SERVICE_NAME: variable<string | undefined>(
    none,
    optional(anyText('a name')),
    'service.name of the traces; rampart when not set',
  ),
  OTEL_RESOURCE_ATTRIBUTES: variable<Pairs>(
    noPairs,
    pairList,
    'further attributes of all traces, such as deployment.environment.name=production',
  ),
  OTEL_TRACES_SAMPLER: variable<SamplerName>(
    'parentbased_always_on',
    oneOf(...samplerNames),
    'which requests are traced; errors and slow requests are traced in any case, except by always_off',
  ),
  OTEL_TRACES_SAMPLER_ARG: variable(1, share, 'the share that traceidratio and parentbased_traceidratio trace'),
  OTEL_SDK_DISABLED: variable<'true' | 'false'>('false', oneOf('true', 'false'), 'true: no traces'),
} as const;
