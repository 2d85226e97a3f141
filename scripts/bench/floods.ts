import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { quantile } from '../../src/lab/statistics/quantile.ts';
import { put } from '../../test/support/certificate-files.ts';
import { selfSigned } from '../../test/support/certificates.ts';
import { http2Floods } from '../../test/support/http2-floods.ts';
import { RawHttp2 } from '../../test/support/raw-http2.ts';
import { type ReloadHost, startReloadHost } from '../../test/support/reload-host.ts';
import { freePorts } from '../../test/support/stack.ts';
import { startSteadyClient } from '../../test/support/steady-client.ts';
import { residentMib } from './resident.ts';

const PER_SECOND = 200;
const WARM_UP_MS = 5_000;
const QUIET_MS = 8_000;
const FLOOD_MS = 8_000;
/** Turns of a flood in one write, and the rest behind each. */
const TURNS = 200;
const REST_MS = 1;

/** One client floods, cut off and back again, while others ask: their p99, and the memory of the workers. */
export async function benchFloods(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bench-floods-'));
  const { certFile, keyFile } = put(folder, 'shop', selfSigned('DNS:shop.example'));
  const port = await freePorts(1);
  const host = await startReloadHost(
    (origins) => ({
      upstreams: { app: { backends: [...origins], cap: 64 } },
      routes: [{ endpoint: 'all', path: '/*', upstream: 'app', authenticate: false }],
    }),
    { env: { TLS_PORT: String(port), TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, HTTP2: 'on' } },
  );
  try {
    await others(host, () => pause(WARM_UP_MS));
    const lines = [
      `| flood of one client, beside ${PER_SECOND} req/s of others | connections cut | p99 without, ms | p99 during, ms | times | not 200 | most memory more, MiB |`,
      '|---|---:|---:|---:|---:|---:|---:|',
    ];
    for (const name of Object.keys(http2Floods)) {
      lines.push(await rowOf(host, port, name));
      console.log(lines.at(-1));
    }
    return lines.join('\n');
  } finally {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function rowOf(host: ReloadHost, port: number, name: string): Promise<string> {
  const without = await others(host, () => pause(QUIET_MS));
  const { workers } = await host.stack.status();
  const resident = (): number[] => workers.map(({ pid }) => residentMib(pid));
  const before = resident();
  let more = 0;
  const watch = setInterval(() => {
    for (const [index, mib] of resident().entries()) more = Math.max(more, mib - (before[index] ?? 0));
  }, 50);
  let cut = 0;
  // Its start is no part of the flood: a process that loads its modules takes a processor for a second.
  const attacker = fork(fileURLToPath(import.meta.url), ['attack', String(port), name]);
  await once(attacker, 'message');
  const during = await others(host, async () => {
    attacker.send('go');
    const [count] = (await once(attacker, 'message')) as [number];
    cut = count;
    attacker.disconnect();
  });
  clearInterval(watch);
  const [quiet, loud] = [without, during].map(({ times }) => quantile(times, 0.99)) as [number, number];
  const cells = [name, cut, quiet.toFixed(1), loud.toFixed(1), (loud / quiet).toFixed(2)];
  return `| ${[...cells, during.failed, more.toFixed(0)].join(' | ')} |`;
}

async function others(host: ReloadHost, work: () => Promise<unknown>): Promise<{ times: number[]; failed: number }> {
  const times: number[] = [];
  const client = startSteadyClient({
    url: host.stack.url,
    key: '',
    perSecond: PER_SECOND,
    keepAlive: true,
    method: 'GET',
    path: '/json',
    onReply: (ms) => void times.push(ms),
  });
  await work();
  const { sent, outcomes } = await client.stop();
  return { times, failed: sent - (outcomes['200'] ?? 0) };
}

/** Floods for a while on one connection after the other; resolves to how many the gateway ended. */
async function attack(port: number, name: string): Promise<number> {
  const turnOf = http2Floods[name];
  if (turnOf === undefined) throw new Error(`There is no flood '${name}'`);
  let cut = 0;
  const endsAt = performance.now() + FLOOD_MS;
  while (performance.now() < endsAt) {
    const client = new RawHttp2(port);
    let turn = 0;
    while (!client.hasEnded(0) && performance.now() < endsAt) {
      const frames: Buffer[] = [];
      for (let count = 0; count < TURNS; count++) frames.push(...turnOf(turn++));
      const hasRoom = client.send(...frames);
      client.frames.length = client.hasEnded(0) ? client.frames.length : 0;
      const drained = new Promise((resolve) => void client.socket.once('drain', resolve));
      await Promise.race([drained, pause(hasRoom ? REST_MS : REST_MS * 20)]);
    }
    if (client.hasEnded(0)) cut++;
    client.socket.destroy();
  }
  return cut;
}

if (process.argv[2] === 'attack') {
  process.send?.('ready');
  await once(process, 'message');
  process.send?.(await attack(Number(process.argv[3]), process.argv[4] ?? ''));
}
