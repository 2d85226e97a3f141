import { connect, type Socket } from 'node:net';
import { residentMib } from '../resident.ts';
import { startRampart } from './gateways.ts';

const CONNECTIONS = 600;
const REQUESTS = 3000;
const SECONDS = 20;

/** `bench:strangers unread`: 600 connections with 3,000 pipelined requests each, of whose replies nothing is read. */
export async function unreadReplies(): Promise<void> {
  const rampart = await startRampart(undefined, { GATEWAY_WORKERS: 1, ADMIN_PORT: await adminPort() });
  const sockets: Socket[] = [];
  try {
    const pid = await workerPid(rampart);
    const before = Math.round(residentMib(pid));
    const bytes = 'GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(REQUESTS);
    for (let index = 0; index < CONNECTIONS; index++) {
      const socket = connect(Number(new URL(rampart.origin).port), '127.0.0.1');
      socket.on('error', () => {});
      socket.pause();
      socket.write(bytes);
      sockets.push(socket);
    }
    let most = before;
    let slowest = 0;
    for (let second = 0; second < SECONDS * 4; second++) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      most = Math.max(most, Math.round(residentMib(pid)));
      const startedAt = performance.now();
      const { status } = await fetch(`${rampart.origin}/healthz`);
      if (status !== 200) throw new Error(`the worker answered ${status}`);
      slowest = Math.max(slowest, performance.now() - startedAt);
    }
    console.log(
      `${CONNECTIONS} connections x ${REQUESTS} pipelined requests, nothing read, ${SECONDS} s: worker ${before} MiB before, ${most} MiB at most (bound: 512); /healthz beside them took ${Math.round(slowest)} ms at most`,
    );
  } finally {
    for (const socket of sockets) socket.destroy();
    await rampart.stop();
  }
}

let chosen = 0;
async function adminPort(): Promise<number> {
  const { portsFor } = await import('./gateways.ts');
  chosen = (await portsFor(1))[0] as number;
  return chosen;
}

async function workerPid({ origin }: { readonly origin: string }): Promise<number> {
  await fetch(`${origin}/healthz`);
  const reply = await fetch(`http://127.0.0.1:${chosen}/api/status`);
  const { workers } = (await reply.json()) as { workers: readonly { pid: number }[] };
  return workers[0]?.pid as number;
}
