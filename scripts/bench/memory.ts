// npm run bench -- memory: what an idle host of two workers and two generators takes, process by process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ProcessRole, startWholeHost } from './whole-host.ts';

/** The pauses after a start in which V8 and PostgreSQL still tidy up. */
const SETTLE_MS = 10_000;

export interface Memory {
  readonly name: ProcessRole | 'bare node:http';
  readonly processes: number;
  /** MB of 2^20 bytes, of all of them together. Resident; the proportional share of it; the part that is private. */
  readonly rss: number;
  readonly pss: number;
  readonly own: number;
}

const bareServer = `require('node:http').createServer((_, res) => res.end('x')).listen(0, '127.0.0.1', () => console.log('up'))`;

export async function benchMemory(): Promise<Memory[]> {
  const bare = spawn(process.execPath, ['-e', bareServer], { stdio: ['ignore', 'pipe', 'inherit'] });
  const host = await startWholeHost();
  try {
    await once(bare.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const roles = ['supervisor', 'control', 'gateway', 'generator', 'batch', 'PostgreSQL'] as const;
    const processes = host.processes();
    const pidsOf = (role: ProcessRole): number[] =>
      processes.filter((each) => each.role === role).map(({ pid }) => pid);
    return [...roles.map((role) => memoryOf(role, pidsOf(role))), memoryOf('bare node:http', [bare.pid as number])];
  } finally {
    bare.kill();
    await host.stop();
  }
}

function memoryOf(name: Memory['name'], pids: readonly number[]): Memory {
  const sum = { rss: 0, pss: 0, own: 0 };
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const megabytes = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) / 1024;
    sum.rss += megabytes('Rss');
    sum.pss += megabytes('Pss');
    sum.own += megabytes('Private_Dirty');
  }
  return { name, processes: pids.length, ...sum };
}

export function memoryTable(rows: readonly Memory[]): string {
  const host = rows.filter(({ name }) => name !== 'bare node:http');
  const total = (field: 'rss' | 'pss' | 'own'): number => host.reduce((sum, row) => sum + row[field], 0);
  const line = (name: string, count: number, { rss, pss, own }: Pick<Memory, 'rss' | 'pss' | 'own'>): string =>
    `| ${name} | ${count} | ${(rss / count).toFixed(0)} | ${(pss / count).toFixed(0)} | ${(own / count).toFixed(0)} | ${pss.toFixed(0)} |`;
  const processes = host.reduce((sum, row) => sum + row.processes, 0);
  const all = { rss: total('rss'), pss: total('pss'), own: total('own') };
  return [
    '| MB | processes | RSS of each | PSS of each | private | PSS of all |',
    '|---|---:|---:|---:|---:|---:|',
    ...host.map((row) => line(row.name, row.processes, row)),
    `| **the whole host** | ${processes} | | | | **${all.pss.toFixed(0)}** |`,
    ...rows.filter((row) => !host.includes(row)).map((row) => line(row.name, row.processes, row)),
  ].join('\n');
}
