import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../../../src/core/random.ts';
import { quantile } from '../../../src/lab/statistics/quantile.ts';
import { ensurePrograms } from '../../test-tools.ts';
import { writeTable } from '../../write-table.ts';
import { end, type Gateway, haproxyBinary, portsFor, startHaproxy, startRampart } from './gateways.ts';

const BACKENDS = 4;
const CAP = 4;
const USERS = [14, 24, 32];
const SECONDS = 40;
/** Of a plain reply and of a whole stream, log-uniform. */
const [SHORTEST_MS, LONGEST_MS] = [1000, 8000];

interface Reply {
  readonly status: number;
  readonly isStream: boolean;
  readonly firstByteMs: number;
}

interface Row {
  readonly users: number;
  readonly gateway: string;
  readonly replies: readonly Reply[];
}

/** `bench:strangers durations`: work of one to eight seconds, half of it streamed, at fewer and more users than permits. */
export async function variedDurations(args: readonly string[]): Promise<void> {
  ensurePrograms([{ program: haproxyBinary, debianPackage: 'haproxy' }]);
  const given = args.find((argument) => argument.startsWith('--seconds='))?.slice('--seconds='.length);
  const seconds = Number(given ?? SECONDS);
  const backendPorts = await portsFor(BACKENDS);
  const backends = await Promise.all(backendPorts.map(startBackend));
  const gateways: Gateway[] = [];
  const rows: Row[] = [];
  try {
    gateways.push(await startRampart({ backendPorts, cap: CAP, queueTimeoutMs: 30_000 }));
    gateways.push(await startHaproxy({ backendPorts, cap: CAP, queueTimeoutMs: 30_000 }));
    for (const users of USERS) {
      for (const gateway of gateways) {
        rows.push({ users, gateway: gateway.name, replies: await load(gateway.origin, users, seconds) });
        console.log(line(rows.at(-1) as Row));
      }
    }
  } finally {
    for (const gateway of gateways) await gateway.stop();
    await Promise.all(backends.map(end));
  }
  const table = [HEAD, ...rows.map(line)].join('\n');
  console.log(`\n${table}`);
  if (args.includes('--write')) writeTable('overload.md', 'varied durations', table);
}

async function startBackend(port: number): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('varied-backend.ts', import.meta.url)), [String(port)]);
  await once(child, 'message');
  return child;
}

/** Users who ask again as soon as they are answered; every gateway gets the same requests. */
async function load(origin: string, users: number, seconds: number): Promise<Reply[]> {
  const replies: Reply[] = [];
  const agent = new Agent({ keepAlive: true });
  const endAt = performance.now() + seconds * 1000;
  const user = async (number: number): Promise<void> => {
    const random = seededRandom(number + 1);
    while (performance.now() < endAt) {
      const isStream = random() < 0.5;
      const ms = Math.round(SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** random());
      replies.push(await ask(`${origin}/app/x?ms=${ms}${isStream ? '&stream=1' : ''}`, agent, isStream));
    }
  };
  await Promise.all(Array.from({ length: users }, (_, number) => user(number)));
  agent.destroy();
  return replies;
}

function ask(url: string, agent: Agent, isStream: boolean): Promise<Reply> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const fail = (): void => resolve({ status: 0, isStream, firstByteMs: performance.now() - startedAt });
    const req = request(url, { agent }, (res) => {
      const firstByteMs = performance.now() - startedAt;
      res.resume();
      res.on('error', fail);
      res.on('end', () => resolve({ status: res.statusCode ?? 0, isStream, firstByteMs }));
    });
    req.on('error', fail);
    req.end();
  });
}

const HEAD = `| users, of 16 permits | gateway | served | refused | failed | first byte of a stream, p50 | p99 |
|---:|---|---:|---:|---:|---:|---:|`;

function line({ users, gateway, replies }: Row): string {
  const served = replies.filter(({ status }) => status === 200);
  const refused = replies.filter(({ status }) => status === 503).length;
  const heads = served.filter(({ isStream }) => isStream).map(({ firstByteMs }) => firstByteMs);
  const [p50, p99] = [0.5, 0.99].map((part) => `${(quantile(heads, part) / 1000).toFixed(2)} s`);
  return `| ${users} | ${gateway} | ${served.length} | ${refused} | ${replies.length - served.length - refused} | ${p50} | ${p99} |`;
}
