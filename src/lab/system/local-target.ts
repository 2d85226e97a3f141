import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import { isLoopbackHost } from '../../core/loopback.ts';
import { processTree, type WatchedProcess } from './process-watch.ts';

/** Whether a URL's host is this machine, judged by its name or address. */
export function isOnThisMachine(url: string): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const own = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
  return isLoopbackHost(host) || host === hostname() || own.includes(host);
}

/** The process that holds a container's port; the container's own processes cannot be told from others here. */
const FORWARDER = 'docker-proxy';

/**
 * The processes behind a port of this machine: those that listen there, what they have started, and whoever these are
 * connected to over loopback, such as generators and a database. None where that cannot be seen: no /proc, another user.
 */
export function processesBehind(port: number, labPid = process.pid): WatchedProcess[] {
  const sockets = [...readSockets('/proc/net/tcp'), ...readSockets('/proc/net/tcp6')];
  const owners = ownersOf();
  const listenersAt = (wanted: number): number[] =>
    sockets
      .filter((socket) => socket.isListening && socket.localPort === wanted)
      .flatMap(({ inode }) => owners.get(inode) ?? []);
  const found = new Map<number, string>();
  const lab = new Set(processTree(labPid).map(({ pid }) => pid));
  const waiting = listenersAt(port);
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    if (found.has(pid) || lab.has(pid)) continue;
    // The parent of the lab may be the system that it measures.
    const tree = processTree(pid).filter((each) => !lab.has(each.pid));
    for (const each of tree) found.set(each.pid, nameOf(each.command));
    const pids = new Set(tree.map((each) => each.pid));
    const peers = sockets.filter(
      ({ inode, isLoopback }) => isLoopback && (owners.get(inode) ?? []).some((owner) => pids.has(owner)),
    );
    // Its clients are at the other ends of connections; no process listens at their ports.
    for (const { remotePort } of peers) waiting.push(...listenersAt(remotePort));
  }
  if ([...found.values()].includes(FORWARDER)) return [];
  return [...found].sort(([left], [right]) => left - right).map(([pid, role], instance) => ({ role, instance, pid }));
}

const nameOf = (command: string): string => basename(command.split(' ', 1)[0] ?? '') || 'process';

interface SocketRow {
  readonly localPort: number;
  readonly remotePort: number;
  readonly isListening: boolean;
  /** Connected to this machine's loopback. */
  readonly isLoopback: boolean;
  readonly inode: string;
}

const ESTABLISHED = '01';
const LISTENING = '0A';
/** 127.0.0.0/8, the same as an IPv6 address, and ::1, as /proc/net/tcp writes them (proc(5)). */
const LOOPBACK = /^(?:0{16}FFFF0000)?[0-9A-F]{6}7F$|^0{24}01000000$/;

function readSockets(path: string): SocketRow[] {
  return readText(path)
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state, , , , , , inode] = line.trim().split(/\s+/);
      if (inode === undefined) return [];
      const [address = '', port = ''] = remote.split(':');
      return {
        localPort: Number.parseInt(local.split(':')[1] ?? '', 16),
        remotePort: Number.parseInt(port, 16),
        isListening: state === LISTENING,
        isLoopback: state === ESTABLISHED && LOOPBACK.test(address),
        inode,
      };
    });
}

/** The processes that hold each socket, among those that this user may inspect. */
function ownersOf(): Map<string, number[]> {
  const owners = new Map<string, number[]>();
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const descriptor of list(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode === undefined) continue;
      const known = owners.get(inode);
      if (known === undefined) owners.set(inode, [Number(pid)]);
      else known.push(Number(pid));
    }
  }
  return owners;
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
