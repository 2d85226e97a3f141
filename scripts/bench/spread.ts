// npm run bench:spread: how three ways of sharing a port spread connections over workers, and what a kill -9 costs.
// 20 runs of each; about two minutes. The figures of docs/adr/0012 are its output.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { BoundSocket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { binomialQuantile } from '../../src/lab/statistics/binomial.ts';
import { freePorts } from '../../src/core/free-ports.ts';

const RUNS = 20;
const worker = fileURLToPath(new URL('./subjects/spread-worker.ts', import.meta.url));

type Way = 'node:cluster, in turn' | 'one shared socket' | 'one SO_REUSEPORT socket each';
const ways: readonly Way[] = ['node:cluster, in turn', 'one shared socket', 'one SO_REUSEPORT socket each'];

interface Fleet {
  readonly port: number;
  readonly children: ChildProcess[];
  /** Kills one worker with -9 and starts it again. */
  replace(index: number): Promise<void>;
  stop(): Promise<void>;
}

async function startFleet(way: Way, workers: number): Promise<Fleet> {
  if (way === 'node:cluster, in turn') return startCluster(workers);
  const bound = await bindSockets(way, workers);
  const launch = async (index: number): Promise<ChildProcess> => {
    const socket = bound.sockets[way === 'one shared socket' ? 0 : index] as BoundSocket;
    const child = spawn(process.execPath, [worker], {
      env: { ...process.env, SPREAD_WORKER: String(index), SPREAD_FD: '3' },
      stdio: ['ignore', 'inherit', 'inherit', socket.fd(), 'ipc'],
    });
    await once(child, 'message');
    return child;
  };
  const children = await Promise.all(Array.from({ length: workers }, (_, index) => launch(index)));
  return {
    port: bound.port,
    children,
    async replace(index) {
      children[index]?.kill('SIGKILL');
      children[index] = await launch(index);
    },
    async stop() {
      for (const socket of bound.sockets) socket.close();
      await endAll(children);
    },
  };
}

async function bindSockets(way: Way, workers: number): Promise<{ port: number; sockets: BoundSocket[] }> {
  const port = await freePorts(1, Math.random);
  const count = way === 'one shared socket' ? 1 : workers;
  const sockets = Array.from(
    { length: count },
    () => new BoundSocket({ host: '127.0.0.1', port, reusePort: count > 1 }),
  );
  return { port, sockets };
}

/** In a process of its own, as it is a process that accepts: this script, started again. */
async function startCluster(workers: number): Promise<Fleet> {
  const port = await freePorts(1, Math.random);
  const primary = fork(fileURLToPath(import.meta.url), ['primary', String(workers), String(port)]);
  await once(primary, 'message');
  return {
    port,
    children: [primary],
    async replace(index) {
      primary.send({ replace: index });
      await once(primary, 'message');
    },
    stop: () => endAll([primary]),
  };
}

async function runPrimary(workers: number, port: number): Promise<void> {
  cluster.setupPrimary({ exec: worker, args: [] });
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const launch = async (index: number) => {
    const child = cluster.fork({ SPREAD_WORKER: String(index), SPREAD_PORT: String(port) });
    await once(child, 'message');
    return child;
  };
  const children = await Promise.all(Array.from({ length: workers }, (_, index) => launch(index)));
  const renew = async (index: number): Promise<void> => {
    children[index]?.process.kill('SIGKILL');
    children[index] = await launch(index);
    process.send?.('replaced');
  };
  process.on('message', ({ replace }: { replace: number }) => void renew(replace));
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}

async function endAll(children: readonly ChildProcess[]): Promise<void> {
  const ended = children.map((child) => once(child, 'exit'));
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(ended);
}

/** The number of the worker that answers on a connection of the agent's; undefined where the connection is lost. */
function ask(port: number, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, agent }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => resolve(Number(text)));
      res.on('error', () => resolve(undefined));
    });
    request.on('error', () => resolve(undefined));
    request.setTimeout(10_000, () => request.destroy());
  });
}

/** Connections by worker, opened at once or one by one, and open at the same time. */
async function connectionsOf(fleet: Fleet, workers: number, count: number, atOnce: boolean): Promise<number[]> {
  const counts = Array.from({ length: workers }, () => 0);
  const agents = Array.from({ length: count }, () => new Agent({ keepAlive: true }));
  const note = (index: number | undefined): void => {
    if (index !== undefined) counts[index] = (counts[index] ?? 0) + 1;
  };
  if (atOnce) (await Promise.all(agents.map((agent) => ask(fleet.port, agent)))).forEach(note);
  else for (const agent of agents) note(await ask(fleet.port, agent));
  for (const agent of agents) agent.destroy();
  return counts;
}

async function reportSpread(way: Way, workers: number): Promise<void> {
  const fleet = await startFleet(way, workers);
  for (const count of [16, 40, 64, 200]) {
    const [least, most] = [0.005, 0.995].map((p) => binomialQuantile(p, count, 1 / workers)) as [number, number];
    let within = 0;
    let [lowest, highest] = [count, 0];
    for (let run = 0; run < RUNS; run++) {
      const counts = await connectionsOf(fleet, workers, count, run % 2 === 0);
      within += counts.filter((each) => each >= least && each <= most).length;
      lowest = Math.min(lowest, ...counts);
      highest = Math.max(highest, ...counts);
    }
    const share = ((100 * within) / (RUNS * workers)).toFixed(1);
    console.log(`| ${way} | ${workers} | ${count} | ${lowest} to ${highest} | ${least} to ${most} | ${share} % |`);
  }
  await fleet.stop();
}

const KILLS = 4;

/** 250 new connections a second for some seconds, while worker 0 is killed with -9 and started again. */
async function reportKills(way: Way): Promise<void> {
  const fleet = await startFleet(way, 2);
  const agent = new Agent({ keepAlive: false });
  const waits: Promise<{ lost: boolean; ms: number }>[] = [];
  const timer = setInterval(() => {
    const startedAt = performance.now();
    waits.push(ask(fleet.port, agent).then((by) => ({ lost: by === undefined, ms: performance.now() - startedAt })));
  }, 4);
  for (let kill = 0; kill < KILLS; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 600));
    await fleet.replace(0);
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  clearInterval(timer);
  const results = await Promise.all(waits);
  const lost = results.filter((result) => result.lost).length;
  const slowest = Math.max(...results.filter((result) => !result.lost).map(({ ms }) => ms));
  console.log(`| ${way} | ${results.length} | ${lost} | ${Math.round(slowest)} ms |`);
  await fleet.stop();
}

const [mode, workers = '0', port = '0'] = process.argv.slice(2);
if (mode === 'primary') await runPrimary(Number(workers), Number(port));
else {
  console.log(`Node ${process.version}, ${RUNS} runs of each, half of them at once, half one by one\n`);
  console.log('| way | workers | connections | least and most on one worker | 99 % of a fair draw | within |');
  console.log('|---|---|---|---|---|---|');
  for (const way of ways) for (const count of [2, 4]) await reportSpread(way, count);
  console.log(`\n| way, ${KILLS} kills of one worker of two | connections | lost | slowest |\n|---|---|---|---|`);
  for (const way of ways) await reportKills(way);
  process.exit();
}
