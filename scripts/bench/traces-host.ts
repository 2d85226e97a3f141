// The cost of traces for a whole host while its collector answers, refuses, resets or hangs.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { quantile } from '../../src/lab/statistics/quantile.ts';
import { type ReloadHost, startReloadHost } from '../../test/support/reload-host.ts';
import { collectedMib } from './collected.ts';
import { startLoadProcess } from './load-process.ts';

const PER_SECOND = 500;
const PHASE_MS = 15_000;
/** The phases take turns, so that a machine whose speed drifts is unfair to none. */
const ROUNDS = 3;

type Answer = 'answers' | 'answers 503' | 'resets' | 'hangs';
const answers: readonly Answer[] = ['answers', 'answers 503', 'resets', 'hangs'];

/** A collector that does as it is told; it counts the spans that it takes. */
async function startCollector() {
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => {
      if (collector.answer === 'resets') req.socket.resetAndDestroy();
      else if (collector.answer === 'answers 503') res.writeHead(503).end();
      else if (collector.answer === 'answers') {
        collector.taken += body.split('"traceId"').length - 1;
        res.end('{}');
      }
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  const collector = { url: `http://127.0.0.1:${port}`, answer: 'answers' as Answer, taken: 0, close };
  return collector;
}

export async function benchTracesHost(): Promise<string> {
  const collector = await startCollector();
  const host = await startReloadHost(
    (origins) => ({
      upstreams: { app: { backends: [...origins], cap: 32 } },
      routes: [{ endpoint: 'all', path: '/*', upstream: 'app', authenticate: false }],
    }),
    { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: 'always_on' } },
  );
  try {
    await under(host, PHASE_MS);
    const before = await memory(host);
    const times = new Map<Answer, number[]>(answers.map((answer) => [answer, []]));
    for (let round = 0; round < ROUNDS; round++)
      for (const answer of answers) {
        collector.answer = answer;
        times.get(answer)?.push(...(await under(host, PHASE_MS)));
      }
    const grown = (await memory(host)).map((mib, index) => (mib - (before[index] as number)).toFixed(1));
    const rows = answers.map((answer) => {
      const [p50, p99] = [0.5, 0.99].map((q) => quantile(times.get(answer) ?? [], q).toFixed(1));
      return `| ${answer} | ${p50} | ${p99} |`;
    });
    const { sent, dropped, rejected } = await spans(host);
    return [
      `| at ${PER_SECOND} requests/s, all sampled, the collector | p50, ms | p99, ms |`,
      '|---|---:|---:|',
      ...rows,
      '',
      `Memory after a garbage collection, in MiB more: control ${grown[0]}, workers ${grown.slice(1).join(', ')}. Spans: ${sent} sent, ${rejected} rejected, ${dropped} dropped; the collector took ${collector.taken}.`,
    ].join('\n');
  } finally {
    await host.stop();
    collector.close();
  }
}

/** The milliseconds of each request. */
async function under(host: ReloadHost, ms: number): Promise<number[]> {
  const load = await startLoadProcess({ url: host.stack.url, perSecond: PER_SECOND, eventStreams: 0, tunnels: 0 });
  await new Promise((resolve) => void setTimeout(resolve, ms));
  const { latencies } = await load.stop();
  return latencies.map(([, took]) => took);
}

async function memory(host: ReloadHost): Promise<number[]> {
  const { control, workers } = await host.stack.status();
  const all: number[] = [];
  for (const { pid } of [control, ...workers]) all.push(await collectedMib(pid));
  return all;
}

async function spans(host: ReloadHost): Promise<Record<'sent' | 'dropped' | 'rejected', number>> {
  const text = await host.stack.metrics();
  const count = (result: string): number =>
    Number(new RegExp(`^rampart_spans_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return { sent: count('sent'), dropped: count('dropped'), rejected: count('rejected') };
}
