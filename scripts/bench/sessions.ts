import { writeFileSync } from 'node:fs';
import { Agent, createServer, get, type Server } from 'node:http';
import { join } from 'node:path';
import { seededRandom } from '../../src/core/random.ts';
import { freePorts, startStack, stackSettings } from '../../test/support/stack.ts';

const BACKENDS = 4;
const CAP = 8;
const SERVICE_MS = 100;
const SESSIONS = 400;
const SECONDS = 20;
const CONNECTIONS = 64;
/** Requests a second that the backends can serve. */
const CAPACITY = (BACKENDS * CAP * 1000) / SERVICE_MS;

interface Moves {
  requests: number;
  /** Served by another backend than that of the session while its own had no room on the host, and while it had some. */
  full: number;
  free: number;
}

/** How often sessions (`hashBy`) are served by another backend than their own, by workers and load. */
export async function benchSessions(): Promise<string> {
  const lines = ['| workers | load | elsewhere, its own was full | elsewhere, its own had room |', '|---|---|---|---|'];
  for (const workers of [1, 4]) {
    for (const load of [0.3, 0.7]) {
      const { requests, full, free } = await movesAt(workers, load);
      const part = (count: number): string => `${((100 * count) / requests).toFixed(2)} %`;
      lines.push(`| ${workers} | ${load * 100} % | ${part(full)} | ${part(free)} |`);
    }
  }
  return `Requests of ${SESSIONS} sessions at ${BACKENDS} backends with a cap of ${CAP} and ${SERVICE_MS} ms of work, ${SECONDS} s each; the requests of a session come to any worker:\n\n${lines.join('\n')}`;
}

async function movesAt(workers: number, load: number): Promise<Moves> {
  const settings = await stackSettings({ GENERATOR_INSTANCES: '0', GATEWAY_WORKERS: String(workers) });
  const firstPort = await freePorts(BACKENDS);
  const observer = new Observer();
  const servers = observer.start(firstPort);
  const path = join(settings['RAMPART_DATA_DIR'] as string, 'rampart.config.ts');
  writeFileSync(path, `export default ${JSON.stringify(configOf(firstPort))};\n`);
  const stack = await startStack({ ...settings, RAMPART_CONFIG: path });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, scheduling: 'fifo' });
  try {
    // At rest every session is at its own backend.
    for (let session = 0; session < SESSIONS; session++) await ask(stack.url, session, agent);
    await sendAt(load * CAPACITY, (session) => ask(stack.url, session, agent));
    return observer.moves;
  } finally {
    agent.destroy();
    await stack.stop();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

const configOf = (firstPort: number) => ({
  upstreams: {
    app: {
      backends: Array.from({ length: BACKENDS }, (_, index) => `http://127.0.0.1:${firstPort + index}`),
      cap: CAP,
      hashBy: 'header:x-session',
    },
  },
  routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }],
});

/** The backends, which see where each session comes. */
class Observer {
  readonly moves: Moves = { requests: 0, full: 0, free: 0 };
  readonly #inFlight = Array.from({ length: BACKENDS }, () => 0);
  readonly #homes = new Map<string, number>();

  start(firstPort: number): Server[] {
    return this.#inFlight.map((_, index) =>
      createServer((req, res) => {
        this.#note(String(req.headers['x-session']), index);
        this.#count(index, 1);
        setTimeout(
          () => {
            this.#count(index, -1);
            res.end('ok');
          },
          this.#homes.size < SESSIONS ? 0 : SERVICE_MS,
        );
      }).listen(firstPort + index, '127.0.0.1'),
    );
  }

  #count(index: number, by: number): void {
    this.#inFlight[index] = (this.#inFlight[index] ?? 0) + by;
  }

  #note(session: string, index: number): void {
    const home = this.#homes.get(session);
    if (home === undefined) {
      this.#homes.set(session, index);
      return;
    }
    this.moves.requests++;
    if (home === index) return;
    if ((this.#inFlight[home] ?? 0) >= CAP) this.moves.full++;
    else this.moves.free++;
  }
}

function ask(url: string, session: number, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const req = get(url, { agent, headers: { 'x-session': session } }, (res) => {
      res.resume();
      res.on('end', resolve);
      if (res.statusCode !== 200) reject(new Error(`The benchmark got ${res.statusCode}`));
    });
    req.on('error', reject);
  });
}

/** Poisson arrivals of sessions in random order. */
async function sendAt(perSecond: number, send: (session: number) => Promise<void>): Promise<void> {
  const random = seededRandom(1);
  const sent: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let at = 0; at < SECONDS * 1000; at += (-1000 * Math.log(1 - random())) / perSecond) {
    const waitMs = startedAt + at - performance.now();
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
    sent.push(send(Math.floor(random() * SESSIONS)));
  }
  await Promise.all(sent);
}
