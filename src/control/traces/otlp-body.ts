type Pairs = readonly (readonly [string, string])[];

/** The resource that all spans of a host belong to. */
export interface TraceResource {
  /** Wins over a `service.name` among the attributes; `rampart` where neither names one. */
  readonly serviceName: string | undefined;
  readonly version: string;
  readonly host: string;
  /** Further attributes; they win over the ones that Rampart knows itself. */
  readonly attributes: Pairs;
}

/** Makes the parts around the spans of an ExportTraceServiceRequest in OTLP's JSON form. */
export function otlpBodies({ serviceName, version, host, attributes }: TraceResource): (spans: string) => string {
  const all = new Map([
    ['service.name', 'rampart'],
    ['service.version', version],
    ['service.instance.id', host],
    ['host.name', host],
    ...attributes,
    ...(serviceName === undefined ? [] : [['service.name', serviceName] as const]),
  ]);
  const resource = {
    attributes: [...all].map(([key, value]) => ({ key, value: { stringValue: value } })),
  };
  const scope = { name: 'rampart', version };
  const before = `{"resourceSpans":[{"resource":${JSON.stringify(resource)},"scopeSpans":[{"scope":${JSON.stringify(scope)},"spans":[`;
  return (spans) => `${before}${spans}]}]}]}`;
}
