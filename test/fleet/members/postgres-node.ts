import { execFile } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { usableNative } from '../../../src/store/embedded/native.ts';
import { queryOnce } from '../../../src/store/embedded/postmaster.ts';
import { asOrdinaryUser } from '../enclosure.ts';
import type { Place } from '../network.ts';
import { Member } from './member.ts';
import { signalAll } from './signals.ts';

const USER = 'rampart';
/** For sixteen hosts, and the hosts that join them. */
const MOST_CONNECTIONS = 400;
const START_LIMIT_MS = 60_000;
const execute = promisify(execFile);

/** The PostgreSQL that all hosts share: the programs that Rampart carries, on a folder in memory. */
export class PostgresNode {
  readonly place: Place;
  readonly #folder: string;
  #programs = '';
  #member: Member | undefined;

  constructor(place: Place) {
    this.place = place;
    this.#folder = join('/run/postgres', place.name);
  }

  get url(): string {
    return `postgresql://${USER}@${this.place.address}:5432/postgres`;
  }

  /** Ids of the server and of its processes, one for each connection. */
  get pids(): number[] {
    const { pid } = this.#running();
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    return [pid, ...children];
  }

  /** Makes the files of the database; `start` starts the server. */
  async create(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    this.#programs = join(await usableNative(this.#folder, undefined), 'bin');
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const args = ['-D', this.#data, '-U', USER, '--auth=trust', '--no-sync', ...locale];
    const [program = '', ...before] = asOrdinaryUser;
    const env = { PATH: process.env['PATH'], LC_ALL: 'C' };
    await execute(program, [...before, join(this.#programs, 'initdb'), ...args], { cwd: '/', env });
    appendFileSync(join(this.#data, 'pg_hba.conf'), 'host all all 10.77.0.0/24 trust\n');
  }

  /** Resolves when it answers: after a crash, when it has recovered. */
  async start(): Promise<void> {
    const settings = {
      listen_addresses: this.place.address,
      unix_socket_directories: this.#folder,
      max_connections: MOST_CONNECTIONS,
      timezone: 'UTC',
      client_connection_check_interval: '2s',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const [program = '', ...before] = asOrdinaryUser;
    this.#member = new Member(this.place, program, [
      ...before,
      join(this.#programs, 'postgres'),
      '-D',
      this.#data,
      ...args,
    ]);
    await this.#member.said('ready to accept connections', START_LIMIT_MS);
  }

  /** Ends it as a crash does: no connection is told, and the next start recovers from the log. */
  async kill(): Promise<void> {
    await this.#running().end('SIGQUIT');
  }

  pause(): void {
    signalAll(this.pids, 'SIGSTOP');
  }

  resume(): void {
    signalAll(this.pids, 'SIGCONT');
  }

  /** Ends the connections of one address, as a pooler that restarts does. */
  async disconnect(address: string): Promise<void> {
    await this.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_addr = '${address}'`);
  }

  query(text: string): Promise<Record<string, unknown>[]> {
    return queryOnce(this.url, text);
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  #running(): Member {
    if (this.#member === undefined) throw new Error(`${this.place.name} was not started`);
    return this.#member;
  }
}
