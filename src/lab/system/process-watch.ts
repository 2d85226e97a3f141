import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Clock, Timer } from '../../core/clock.ts';
import { median } from '../statistics/quantile.ts';
import { type MachineCounts, machineCounts } from '../../core/machine-counts.ts';
import { type ProcessCounts, processCounts } from './proc.ts';

export interface WatchedProcess {
  readonly role: string;
  readonly instance: number;
  readonly pid: number;
}

/** The use of a process while it was watched. */
export interface ProcessUse extends WatchedProcess {
  /** 1 is one processor. */
  readonly cpuShare: number;
  readonly maxRssBytes: number;
  readonly maxDescriptors: number;
  /** Medians over the time; the memory is the part that is not shared. */
  readonly ownBytes: number;
  readonly descriptors: number;
  readonly contextSwitchesPerSecond: number;
  /** Share of the time in which it was ready to run and had no processor. */
  readonly runQueueShare: number;
}

export interface SystemUse {
  /** The used share of all processors of the machine, by any process. */
  readonly machineCpuShare: number;
  /** The part of that which neither the watched processes nor this one used; NaN if no process can be watched. */
  readonly foreignCpuShare: number;
  readonly processes: readonly ProcessUse[];
}

const SAMPLE_MS = 500;

interface Sample extends ProcessCounts {
  readonly descriptors: number;
}

/** Looks at processes in /proc twice a second; where there is none, as on macOS, there is nothing to see. */
export class ProcessWatch {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #machine: MachineCounts;
  readonly #ownUsage = process.cpuUsage();
  readonly #watched: { readonly process: WatchedProcess; readonly samples: Sample[] }[] = [];
  #timer: Timer | undefined;

  constructor(processes: readonly WatchedProcess[], clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#machine = readMachine();
    for (const process of processes) {
      const first = readProcess(process.pid);
      if (first !== undefined) this.#watched.push({ process, samples: [first] });
    }
    this.#schedule();
  }

  stop(): SystemUse {
    this.#timer?.cancel();
    this.#look();
    const elapsedMs = this.#clock.now() - this.#startedAt;
    const machine = readMachine();
    const machineCpuShare = (machine.busy - this.#machine.busy) / Math.max(1, machine.total - this.#machine.total);
    const processes = this.#watched.map(({ process, samples }) => ({ ...process, ...useOf(samples, elapsedMs) }));
    return { machineCpuShare, foreignCpuShare: this.#foreign(machineCpuShare, processes, elapsedMs), processes };
  }

  #foreign(machineCpuShare: number, processes: readonly ProcessUse[], elapsedMs: number): number {
    if (processes.length === 0) return Number.NaN;
    const { user, system } = process.cpuUsage(this.#ownUsage);
    const ours = processes.reduce((sum, { cpuShare }) => sum + cpuShare, (user + system) / 1000 / elapsedMs);
    return Math.max(0, machineCpuShare - ours / availableParallelism());
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#look();
      this.#schedule();
    }, SAMPLE_MS);
  }

  #look(): void {
    for (const each of this.#watched) {
      const now = readProcess(each.process.pid);
      if (now !== undefined) each.samples.push(now);
    }
  }
}

function useOf(samples: readonly Sample[], elapsedMs: number): Omit<ProcessUse, keyof WatchedProcess> {
  const [first, last] = [samples[0] as Sample, samples.at(-1) as Sample];
  const descriptors = samples.map((sample) => sample.descriptors);
  return {
    cpuShare: (last.cpuMs - first.cpuMs) / elapsedMs,
    maxRssBytes: Math.max(...samples.map(({ rssBytes }) => rssBytes)),
    maxDescriptors: Math.max(...descriptors),
    ownBytes: median(samples.map(({ rssBytes, sharedBytes }) => rssBytes - sharedBytes)),
    descriptors: median(descriptors),
    contextSwitchesPerSecond: ((last.contextSwitches - first.contextSwitches) * 1000) / elapsedMs,
    runQueueShare: (last.runQueueMs - first.runQueueMs) / elapsedMs,
  };
}

/** Undefined of a process that has ended, or is not ours to look at. */
function readProcess(pid: number): Sample | undefined {
  try {
    const text = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8');
    const counts = processCounts(text('stat'), text('status'), text('schedstat'));
    return { ...counts, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

function readMachine(): MachineCounts {
  try {
    return machineCounts(readFileSync('/proc/stat', 'utf8'));
  } catch {
    return { busy: 0, total: 0 };
  }
}

/** The process and all that came from it: each with the names of its program's arguments. */
export function processTree(root: number): { readonly pid: number; readonly command: string }[] {
  const parents = new Map<number, number>();
  for (const name of listFolder('/proc')) {
    const parent = /^\d+ \(.*\) \S (\d+)/s.exec(readText(`/proc/${name}/stat`))?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const found = new Set([root]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found].map((pid) => ({ pid, command: readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ') }));
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
