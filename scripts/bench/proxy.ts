import { runLoad } from './load.ts';
import { processorSeconds } from './processor-time.ts';
import { startBackend, startNginxProxy, startNode, type Subject } from './subjects.ts';

/** Processor time of one proxy. */
export interface ProxyCost {
  readonly name: string;
  /** Median over the rounds, in microseconds per request. */
  readonly microseconds: number;
  readonly least: number;
  readonly most: number;
}

export const connections = 32;
export const warmUpRequests = 20_000;
export const requestsPerRound = 30_000;
export const rounds = 5;
const firstPort = 18_800;

/**
 * Processor time per proxied request of each proxy: a GET with a reply of 1 KiB over 32 keep-alive connections. The
 * proxies take turns round by round, so that a machine whose speed drifts is unfair to none of them.
 */
export async function benchProxies(): Promise<ProxyCost[]> {
  const backend = await startBackend(firstPort);
  const subjects: Subject[] = [];
  try {
    subjects.push(await startNginxProxy(firstPort + 1, firstPort));
    subjects.push(await startNode('rampart', './subjects/rampart.ts', firstPort + 2, firstPort));
    subjects.push(
      await startNode('node:http + undici dispatch', './subjects/bare-undici.ts', firstPort + 3, firstPort),
    );
    subjects.push(await startNode('@fastify/http-proxy', './subjects/fastify-http-proxy.ts', firstPort + 4, firstPort));
    subjects.push(await startNode('http-proxy', './subjects/http-proxy.ts', firstPort + 5, firstPort));
    for (const subject of subjects) await measure(subject, warmUpRequests);
    const samples = new Map(subjects.map((subject) => [subject, [] as number[]]));
    for (let round = 0; round < rounds; round++) {
      for (const subject of subjects) samples.get(subject)?.push(await measure(subject, requestsPerRound));
    }
    return [...samples].map(([{ name }, values]) => summary(name, values));
  } finally {
    for (const subject of subjects) subject.stop();
    backend.stop();
  }
}

/** A key of the right form; the benchmark's worker knows every key. */
export const requestFor = (path: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    'host: bench.local',
    'user-agent: rampart-bench',
    'accept: */*',
    'authorization: Bearer rk_benchbenchbenchbenchbenchbench',
    '\r\n',
  ].join('\r\n');
const plainRequest = requestFor('/bench');

export async function measure(
  subject: Subject,
  requests: number,
  request: string | ((index: number) => string) = plainRequest,
): Promise<number> {
  const before = processorSeconds(subject.pids);
  const { failed } = await runLoad({ port: subject.port, request, connections, requests });
  if (failed > 0) throw new Error(`${subject.name} failed ${failed} of ${requests} requests`);
  return ((processorSeconds(subject.pids) - before) * 1e6) / requests;
}

export function summary(name: string, values: readonly number[]): ProxyCost {
  const sorted = values.toSorted((left, right) => left - right);
  return {
    name,
    microseconds: sorted[sorted.length >> 1] as number,
    least: sorted[0] as number,
    most: sorted.at(-1) as number,
  };
}

export function printProxies(
  costs: readonly ProxyCost[],
  title = `Processor time per proxied request: GET, 1 KiB reply, ${connections} connections, ${rounds} rounds`,
): void {
  const nginx = costs.find(({ name }) => name === 'nginx')?.microseconds ?? Number.NaN;
  console.log(`${title}\n`);
  console.log(
    `${'proxy'.padEnd(30)}${'µs'.padStart(8)}${'min'.padStart(8)}${'max'.padStart(8)}${'x nginx'.padStart(10)}`,
  );
  for (const { name, microseconds, least, most } of costs) {
    const figures = [microseconds, least, most].map((value) => value.toFixed(1).padStart(8)).join('');
    console.log(`${name.padEnd(30)}${figures}${(microseconds / nginx).toFixed(2).padStart(10)}`);
  }
}

/** The same for a page. */
export function proxiesTable(costs: readonly ProxyCost[]): string {
  const nginx = costs.find(({ name }) => name === 'nginx')?.microseconds ?? Number.NaN;
  const rows = costs.map(
    ({ name, microseconds, least, most }) =>
      `| ${name} | ${microseconds.toFixed(1)} | ${least.toFixed(1)} | ${most.toFixed(1)} | ${(microseconds / nginx).toFixed(2)} |`,
  );
  return ['| | µs | least | most | × nginx |', '|---|---:|---:|---:|---:|', ...rows].join('\n');
}
