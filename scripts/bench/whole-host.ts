import { readFileSync } from 'node:fs';
import { startStack } from '../../test/support/stack.ts';
import { childrenOf } from './subjects.ts';

/** The kind of a process of Rampart; those of PostgreSQL are one kind. */
export type ProcessRole = 'supervisor' | 'control' | 'gateway' | 'generator' | 'batch' | 'PostgreSQL';

export interface HostProcess {
  readonly pid: number;
  readonly role: ProcessRole;
}

/** `rampart start` with two workers, two generators and an embedded PostgreSQL. */
export interface WholeHost {
  readonly port: number;
  /** The first key. */
  readonly key: string;
  /** The processes of now. */
  processes(): HostProcess[];
  stop(): Promise<void>;
}

/** `more`: further settings of the environment. */
export async function startWholeHost(more: Record<string, string> = {}): Promise<WholeHost> {
  const stack = await startStack(more);
  const supervisor = stack.supervisor.pid as number;
  return {
    port: Number(new URL(stack.url).port),
    key: stack.key,
    processes: () => [{ pid: supervisor, role: 'supervisor' }, ...below(supervisor)],
    stop: async () => void (await stack.stop()),
  };
}

function below(pid: number): HostProcess[] {
  return childrenOf(pid).flatMap((child) => [{ pid: child, role: roleOf(child) }, ...below(child)]);
}

function roleOf(pid: number): ProcessRole {
  const role = /main\.ts\0(control|gateway|generator|batch)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[1];
  return (role as ProcessRole | undefined) ?? 'PostgreSQL';
}
