import { createServer } from 'node:net';
import type { Random } from './random.ts';

/** Below the range of ephemeral ports, which a connection could take at any moment. */
const LOWEST = 12_000;
const HIGHEST = 30_000;
const ATTEMPTS = 200;

/** The first of `count` consecutive ports of 127.0.0.1 that are free at this moment. */
export async function freePorts(count: number, random: Random): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = LOWEST + Math.floor(random() * (HIGHEST - LOWEST - count));
    if (await arePortsFree(first, count)) return first;
  }
  throw new Error(`Found no ${count} free ports in a row between ${LOWEST} and ${HIGHEST}`);
}

/** Whether `count` consecutive ports of 127.0.0.1 are free at this moment. */
export async function arePortsFree(first: number, count: number): Promise<boolean> {
  const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
  return free.every(Boolean);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
