type Pairs = readonly (readonly [string, string])[];

/** The resource that all spans of a host belong to. */
export interface TraceResource {
  readonly serviceName: string;
  readonly version: string;
  readonly host: string;
  /** Further attributes; they win over the ones above. */
  readonly attributes: Pairs;
}

/** Makes the parts around the spans of an ExportTraceServiceRequest in OTLP's JSON form. */
export function otlpBodies({ serviceName, version, host, attributes }: TraceResource): (spans: string) => string {
  const all = new Map([
    ['service.name', serviceName],
    ['service.version', version],
    ['service.instance.id', host],
    ['host.name', host],
    ...attributes,
  ]);
  const resource = {
    attributes: [...all].map(([key, value]) => ({ key, value: { stringValue: value } })),
  };
  const scope = { name: 'rampart', version };
  const before = `{"resourceSpans":[{"resource":${JSON.stringify(resource)},"scopeSpans":[{"scope":${JSON.stringify(scope)},"spans":[`;
  return (spans) => `${before}${spans}]}]}]}`;
}
