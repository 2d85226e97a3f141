import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Place } from '../network.ts';
import { Member } from './member.ts';

const PORT = 6379;
const SENTINEL_PORT = 26_379;
const DOWN_AFTER_MS = 3000;
const ASK_LIMIT_MS = 2000;

/** What follows after `min-replicas-to-write` so that a primary that is cut off stops writing. */
const durable = ['min-replicas-to-write 1', 'min-replicas-max-lag 2', 'appendonly yes', 'appendfsync everysec'];

export interface NodeSettings {
  /** The primary of a replica. */
  readonly replicaOf?: string;
  /** Whether it keeps its data over a restart. */
  readonly isPersistent: boolean;
  /** Whether it refuses writes without a replica. */
  readonly needsReplica: boolean;
  /** Whether it forgets what was used least when its memory is full: a cache, and no ledger. */
  readonly evicts?: boolean;
}

/** Redis of Debian, by its own configuration; Valkey where that is installed. */
export class ValkeyNode {
  readonly place: Place;
  readonly #folder: string;
  #member: Member | undefined;

  constructor(place: Place) {
    this.place = place;
    this.#folder = join('/run/valkey', place.name);
    mkdirSync(this.#folder, { recursive: true });
  }

  get target() {
    return { address: this.place.address, port: PORT };
  }

  get url(): string {
    return `redis://${this.place.address}:${PORT}`;
  }

  get pid(): number {
    if (this.#member === undefined) throw new Error(`${this.place.name} was not started`);
    return this.#member.pid;
  }

  get isRunning(): boolean {
    return this.#member?.isRunning === true;
  }

  async start({ replicaOf, isPersistent, needsReplica, evicts = false }: NodeSettings): Promise<void> {
    const lines = [
      `port ${PORT}`,
      'bind 0.0.0.0',
      'protected-mode no',
      'save ""',
      ...(evicts ? ['maxmemory 64mb', 'maxmemory-policy allkeys-lru'] : ['maxmemory-policy noeviction']),
      'repl-diskless-sync-delay 0',
      'enable-debug-command yes',
      `dir ${this.#folder}`,
      ...durable.filter((line) => (line.startsWith('append') ? isPersistent : needsReplica)),
      ...(replicaOf === undefined ? [] : [`replicaof ${replicaOf} ${PORT}`]),
    ];
    await this.#launch('valkey.conf', lines, []);
  }

  /** A sentinel in place of a server: it watches the primary and promotes the replica. */
  async startSentinel(primary: string): Promise<void> {
    const lines = [
      `port ${SENTINEL_PORT}`,
      'bind 0.0.0.0',
      'protected-mode no',
      `dir ${this.#folder}`,
      `sentinel monitor ledger ${primary} ${PORT} 1`,
      `sentinel down-after-milliseconds ledger ${DOWN_AFTER_MS}`,
      'sentinel failover-timeout ledger 6000',
    ];
    await this.#launch('sentinel.conf', lines, ['--sentinel']);
  }

  /** The address that the sentinel takes for the primary's. */
  async primaryAddress(): Promise<string | undefined> {
    const reply = await askValkey(this.place.address, SENTINEL_PORT, ['SENTINEL', 'get-master-addr-by-name', 'ledger']);
    return /\d+\.\d+\.\d+\.\d+/.exec(reply)?.[0];
  }

  /** Sends one command and returns the reply as it came. */
  ask(...words: readonly string[]): Promise<string> {
    return askValkey(this.place.address, PORT, words);
  }

  async kill(): Promise<void> {
    await this.#member?.end('SIGKILL');
  }

  /** Removes its files: the next start is empty. */
  forget(): void {
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true });
  }

  async #launch(name: string, lines: readonly string[], args: readonly string[]): Promise<void> {
    const file = join(this.#folder, name);
    writeFileSync(file, `${lines.join('\n')}\n`);
    this.#member = new Member(this.place, serverProgram(), [file, ...args]);
    await this.#member.said(args.length === 0 ? 'Ready to accept connections' : 'monitor master ledger');
  }
}

/**
 * The program of the server. Debian's redis-tools has it under the name redis-check-rdb, which is a server when it is
 * called by that name: so no package with a service is needed, which would start one.
 */
function serverProgram(): string {
  if (existsSync('/usr/bin/valkey-server')) return '/usr/bin/valkey-server';
  const link = '/run/redis-server';
  if (!existsSync(link)) symlinkSync('/usr/bin/redis-check-rdb', link);
  return link;
}

function askValkey(address: string, port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, address);
    let text = '';
    socket.setTimeout(ASK_LIMIT_MS, () => socket.destroy(new Error(`No answer from ${address} to ${words[0]}`)));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', reject);
    // The server closes behind the reply to QUIT.
    socket.on('close', () => resolve(text.replace(/\+OK\r\n$/, '')));
    socket.end(`${encoded(words)}${encoded(['QUIT'])}`);
  });
}

const encoded = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
