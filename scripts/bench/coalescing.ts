// npm run bench -- coalescing: what the clients that share one fetch wait for, and what they cost the gateway.
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { median } from '../../src/lab/statistics/quantile.ts';
import { processorSeconds } from './processor-time.ts';
import { startNode, type Subject } from './subjects.ts';

const PORT = 18_790;
const CLIENTS = 50;
const ROUNDS = 7;
const PIECE_PAUSE_MS = 20;

/** A reply of a number of equal pieces, one each 20 ms, after 50 ms of work. */
interface ReplyShape {
  readonly name: string;
  readonly pieces: number;
  readonly pieceBytes: number;
}

const shapes: readonly ReplyShape[] = [
  { name: '10 KiB at once', pieces: 1, pieceBytes: 10 * 1024 },
  { name: '1 MiB over 0.3 s', pieces: 16, pieceBytes: 64 * 1024 },
  { name: '8 MiB at once, more than may be kept', pieces: 1, pieceBytes: 8 * 1024 * 1024 },
];

/** One client's times from its request on, in milliseconds. */
interface ClientTimes {
  readonly firstByteMs: number;
  readonly lastByteMs: number;
}

export interface CoalescingCost {
  readonly name: string;
  readonly fetches: number;
  readonly first: ClientTimes;
  readonly others: ClientTimes;
  /** Processor milliseconds of the gateway for all clients of a round. */
  readonly gatewayMs: number;
}

/** Fifty clients ask for the same at the same time, a new path in each round; medians over the rounds. */
export async function benchCoalescing(): Promise<CoalescingCost[]> {
  let asked = 0;
  const backend = createServer((req, res) => {
    asked++;
    void reply(shapes[Number(req.url?.split('/')[1])] as ReplyShape, res);
  });
  backend.listen(PORT, '127.0.0.1');
  await once(backend, 'listening');
  const subject = await startNode('rampart', './subjects/rampart.ts', PORT + 1, PORT, 'cache');
  try {
    const costs: CoalescingCost[] = [];
    for (const [index, { name }] of shapes.entries()) {
      const rounds: CoalescingCost[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        asked = 0;
        rounds.push({ ...(await measureRound(subject, `/${index}/${round}`)), name, fetches: asked });
      }
      costs.push(medianOf(rounds));
    }
    return costs;
  } finally {
    subject.stop();
    close(backend);
  }
}

async function reply({ pieces, pieceBytes }: ReplyShape, res: ServerResponse): Promise<void> {
  const piece = Buffer.alloc(pieceBytes, 'x');
  await pause(50);
  for (let sent = 0; sent < pieces; sent++) {
    if (sent > 0) await pause(PIECE_PAUSE_MS);
    res.write(piece);
  }
  res.end();
}

async function measureRound(subject: Subject, path: string): Promise<Omit<CoalescingCost, 'name' | 'fetches'>> {
  const before = processorSeconds(subject.pids);
  const times = await Promise.all(Array.from({ length: CLIENTS }, () => askFor(path)));
  const [first, ...others] = times as [ClientTimes, ...ClientTimes[]];
  return { first, others: slowest(others), gatewayMs: (processorSeconds(subject.pids) - before) * 1000 };
}

async function askFor(path: string): Promise<ClientTimes> {
  const startedAt = performance.now();
  const req = get({ host: '127.0.0.1', port: PORT + 1, path, agent: false });
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  await once(res, 'readable');
  const firstByteMs = performance.now() - startedAt;
  res.resume();
  await once(res, 'end');
  return { firstByteMs, lastByteMs: performance.now() - startedAt };
}

const slowest = (times: readonly ClientTimes[]): ClientTimes => ({
  firstByteMs: Math.max(...times.map(({ firstByteMs }) => firstByteMs)),
  lastByteMs: Math.max(...times.map(({ lastByteMs }) => lastByteMs)),
});

function medianOf(rounds: readonly CoalescingCost[]): CoalescingCost {
  const of = (value: (round: CoalescingCost) => number): number => median(rounds.map(value));
  return {
    name: rounds[0]?.name ?? '',
    fetches: of(({ fetches }) => fetches),
    first: { firstByteMs: of(({ first }) => first.firstByteMs), lastByteMs: of(({ first }) => first.lastByteMs) },
    others: { firstByteMs: of(({ others }) => others.firstByteMs), lastByteMs: of(({ others }) => others.lastByteMs) },
    gatewayMs: of(({ gatewayMs }) => gatewayMs),
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function close(server: Server): void {
  server.closeAllConnections();
  server.close();
}

export function coalescingTable(costs: readonly CoalescingCost[]): string {
  const lines = [
    `| ${CLIENTS} clients at once | backend requests | first client: first byte, last byte (ms) | slowest of the others | gateway (ms of processor) |`,
    '|---|---:|---:|---:|---:|',
  ];
  const times = ({ firstByteMs, lastByteMs }: ClientTimes): string =>
    `${firstByteMs.toFixed(0)}, ${lastByteMs.toFixed(0)}`;
  for (const { name, fetches, first, others, gatewayMs } of costs)
    lines.push(`| ${name} | ${fetches} | ${times(first)} | ${times(others)} | ${gatewayMs.toFixed(0)} |`);
  return lines.join('\n');
}
