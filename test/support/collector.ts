import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { readSpan, type WireSpan } from './spans.ts';

interface TraceExport {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: WireSpan['attributes'] };
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly WireSpan[] }[];
  }[];
}

/** An OpenTelemetry collector that takes traces by OTLP/HTTP in JSON. */
export interface TraceCollector {
  readonly url: string;
  readonly spans: WireSpan[];
  /** Of the last request. */
  headers: IncomingHttpHeaders;
  path: string;
  resource: WireSpan['attributes'];
  /** How the next requests are answered; `reset`: their connections are reset. */
  answer: number | 'reset';
  close(): void;
}

export async function startCollector(): Promise<TraceCollector> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => void chunks.push(chunk));
    req.on('end', () => {
      if (collector.answer === 'reset') {
        req.socket.resetAndDestroy();
        return;
      }
      if (collector.answer === 200) take(collector, req.headers, req.url ?? '', Buffer.concat(chunks));
      res.writeHead(collector.answer, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const collector: TraceCollector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    headers: {},
    path: '',
    resource: [],
    answer: 200,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return collector;
}

function take(collector: TraceCollector, headers: IncomingHttpHeaders, path: string, body: Buffer): void {
  const text = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  const { resourceSpans } = JSON.parse(text.toString()) as TraceExport;
  collector.headers = headers;
  collector.path = path;
  for (const { resource, scopeSpans } of resourceSpans) {
    collector.resource = resource.attributes;
    for (const { spans } of scopeSpans) collector.spans.push(...spans.map((span) => readSpan(JSON.stringify(span))));
  }
}
