import type { ConfigFile } from '../../src/config/define-config.ts';
import { controlSocket } from '../../src/control/control-socket.ts';
import { askControl } from '../../src/control/link.ts';
import { runFolder } from '../../src/core/run-folder.ts';
import { median, quantile } from '../../src/lab/statistics/quantile.ts';
import { type ReloadHost, startReloadHost } from '../../test/support/reload-host.ts';
import { collectedMib } from './collected.ts';
import { startLoadProcess } from './load-process.ts';
import { residentMib } from './resident.ts';

const RELOADS = 100;
const BACKEND_CHANGES = 50;
const ROLLING_RESTARTS = 20;
const MEMORY_CHANGES = 1000;
/** With the two that every configuration has here, as many as a file may have. */
const MANY_ROUTES = 998;
const PER_SECOND = 500;
const STREAMS = 20;
const TUNNELS = 200;
/**
 * A request counts as during a change if it begins within this time of the change's begin, or before its end; as long a
 * rest follows. Windows as long as the changes would be longer where the machine stalls, and so collect the stalls.
 */
const WINDOW_MS = 1000;

type Config = (marker: number, backends: readonly string[], routes?: number) => ConfigFile;

const configOf: Config = (marker, backends, routes = 0) => ({
  upstreams: {
    app: { backends: [...backends], cap: 32 + (marker % 8), healthPath: '/health', streams: { max: 2000 } },
  },
  routes: [
    { endpoint: 'all', path: '/*', upstream: 'app', authenticate: false },
    { endpoint: 'changing', path: `/changing/${marker}`, upstream: 'app', authenticate: false },
    ...Array.from({ length: routes }, (_, index) => ({
      endpoint: `route${index}`,
      path: `/route/${index}/*`,
      upstream: 'app',
      authenticate: false,
      timeoutMs: 1000 + marker,
    })),
  ],
});

/** The memory that the processes keep of versions of the configuration that are no longer in force. */
export async function benchReloadMemory(): Promise<string> {
  const host = await startReloadHost((origins) => configOf(0, origins), { instances: 4 });
  try {
    return await memoryText(host);
  } finally {
    await host.stop();
  }
}

/** One row of the table. */
interface Row {
  readonly what: string;
  readonly requests: string;
  readonly failed: string;
  readonly cut: string;
  readonly p99During: string;
  readonly p99Outside: string;
}

/** Changes under load: what failed, and how long requests took during a change and between two. */
export async function benchReload(): Promise<string> {
  const host = await startReloadHost((origins) => configOf(0, origins), { instances: 4 });
  const reload = asker(host);
  try {
    const table = [
      `| at ${PER_SECOND} req/s | requests | failed | streams and tunnels cut | p99 during a change, ms | p99 between two, ms |`,
      '|---|---:|---:|---:|---:|---:|',
    ];
    for (const { what, count, mayEnd, change } of kinds(host, reload)) {
      const row = await underLoad(host, what, count, mayEnd, change);
      const { requests, failed, cut, p99During, p99Outside } = row;
      table.push(`| ${[what, requests, failed, cut, p99During, p99Outside].join(' | ')} |`);
      console.log(table.at(-1));
    }
    return `${table.join('\n')}\n\n${await manyRoutesText(host, reload)}`;
  } finally {
    await host.stop();
  }
}

interface Kind {
  readonly what: string;
  readonly count: number;
  /** Whether streams and tunnels may end as their protocols say. */
  readonly mayEnd: boolean;
  readonly change: (index: number) => Promise<void>;
}

function kinds(host: ReloadHost, reload: () => Promise<void>): Kind[] {
  return [
    {
      what: `${RELOADS} reloads of the file`,
      count: RELOADS,
      mayEnd: false,
      change: (index) => {
        host.write(configOf(index + 1, host.app.origins));
        return reload();
      },
    },
    {
      what: `${BACKEND_CHANGES} changes of backends`,
      count: BACKEND_CHANGES,
      mayEnd: false,
      change: (index) => changeBackend(host, index),
    },
    {
      what: `${ROLLING_RESTARTS} rolling restarts`,
      count: ROLLING_RESTARTS,
      mayEnd: true,
      change: async () => {
        const { code, stderr } = await host.stack.run('reload', '--workers');
        if (code !== 0) throw new Error(stderr);
      },
    },
  ];
}

function asker(host: ReloadHost): () => Promise<void> {
  const socket = controlSocket(runFolder(host.stack.dataDir));
  return async () => {
    const answer = await askControl(socket, { type: 'ask', what: 'reload', force: true }, 30_000);
    const { outcome } = answer as { outcome?: string };
    if (outcome !== 'applied') throw new Error(`The reload was not applied: ${JSON.stringify(answer)}`);
  };
}

async function changeBackend(host: ReloadHost, index: number): Promise<void> {
  const [, , third, fourth] = host.app.origins;
  const action = index % 2 === 0 ? 'drain' : 'undrain';
  await post(host, '/api/backends', { upstream: 'app', action, backend: index % 4 < 2 ? third : fourth });
}

async function post(host: ReloadHost, path: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(`${host.stack.adminUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  await reply.text();
}

async function underLoad(
  host: ReloadHost,
  what: string,
  count: number,
  mayEnd: boolean,
  change: (index: number) => Promise<void>,
): Promise<Row> {
  const load = await startLoadProcess({
    url: host.stack.url,
    perSecond: PER_SECOND,
    eventStreams: STREAMS,
    tunnels: TUNNELS,
    mayEnd,
  });
  const changes: [number, number][] = [];
  await later(1000);
  for (let index = 0; index < count; index++) {
    const startedAt = Date.now();
    await change(index);
    const endsAt = Math.max(Date.now(), startedAt + WINDOW_MS);
    changes.push([startedAt, endsAt]);
    await later(endsAt + WINDOW_MS - Date.now());
  }
  const { kept, fresh, failures, cut, reopened, uploads, downloads, latencies } = await load.stop();
  const isDuring = (at: number): boolean => changes.some(([from, to]) => at >= from && at <= to);
  const during = latencies.filter(([at]) => isDuring(at)).map(([, ms]) => ms);
  const outside = latencies.filter(([at]) => !isDuring(at)).map(([, ms]) => ms);
  const failed = kept.sent + fresh.sent - (kept.outcomes['200'] ?? 0) - (fresh.outcomes['200'] ?? 0) + failures.length;
  for (const [kind, { outcomes }] of Object.entries({ kept, fresh })) {
    if (failed > 0) console.log(`${what}, ${kind}: ${JSON.stringify(outcomes)} ${failures.slice(0, 5).join('; ')}`);
  }
  return {
    what,
    requests: String(kept.sent + fresh.sent + uploads + downloads),
    failed: String(failed),
    cut: mayEnd ? `${cut.length} (${reopened} ended by their protocol)` : String(cut.length),
    p99During: quantile(during, 0.99).toFixed(1),
    p99Outside: quantile(outside, 0.99).toFixed(1),
  };
}

const later = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

async function memoryText(host: ReloadHost): Promise<string> {
  const measured = async (of: (pid: number) => number | Promise<number>): Promise<number[]> => {
    const { control, workers } = await host.stack.status();
    const all: number[] = [];
    for (const { pid } of [control, ...workers]) all.push(await of(pid));
    return all;
  };
  const change = async (from: number, to: number): Promise<void> => {
    for (let cap = from; cap < to; cap++)
      await post(host, '/api/backends', { upstream: 'app', action: 'cap', cap: 100 + cap });
    await later(3000);
  };
  // The first ones fill what is filled once: compiled code, buffers, the versions that are kept.
  await change(0, MEMORY_CHANGES);
  const [before, collectedBefore] = [await measured(residentMib), await measured(collectedMib)];
  await change(MEMORY_CHANGES, 2 * MEMORY_CHANGES);
  const [after, collectedAfter] = [await measured(residentMib), await measured(collectedMib)];
  const grown = (from: number[], to: number[]): string => {
    const [control, ...workers] = to.map((mib, index) => (mib - (from[index] as number)).toFixed(1));
    return `control ${control}, workers ${workers.join(', ')}`;
  };
  return `Resident memory after ${MEMORY_CHANGES} more versions, in MiB: ${grown(collectedBefore, collectedAfter)} after a garbage collection; ${grown(before, after)} before it.`;
}

async function manyRoutesText(host: ReloadHost, reload: () => Promise<void>): Promise<string> {
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const startedAt = performance.now();
    await work();
    return performance.now() - startedAt;
  };
  const byFile: number[] = [];
  const byApi: number[] = [];
  for (let round = 0; round < 5; round++) {
    host.write(configOf(1000 + round, host.app.origins, MANY_ROUTES));
    byFile.push(await timed(reload));
    const body = JSON.stringify(configOf(2000 + round, host.app.origins, MANY_ROUTES));
    byApi.push(
      await timed(async () => {
        const headers = { 'content-type': 'application/json', 'if-match': '*' };
        const reply = await fetch(`${host.stack.adminUrl}/api/config`, { method: 'PUT', headers, body });
        if (reply.status !== 200) throw new Error(await reply.text());
        await reply.text();
      }),
    );
  }
  return `${MANY_ROUTES} changed routes are in force on all workers after ${median(byApi).toFixed(0)} ms by PUT /api/config, and after ${median(byFile).toFixed(0)} ms by reload of the file, which a process of its own evaluates.`;
}
