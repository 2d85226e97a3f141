// A server with a bottleneck that is known. Arguments: its kind, and of how many milliseconds; prints its port and the
// ids of its processes.
import cluster from 'node:cluster';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const [kind = '', milliseconds = ''] = process.argv.slice(2);
const holdMs = Number(milliseconds);
const PROCESSES = 4;

/** Turns of the loop below that take a millisecond of a processor that is free. */
function turnsPerMs(): number {
  const rounds = Array.from({ length: 9 }, () => {
    const startedAt = performance.now();
    burn(200_000);
    return 200_000 / (performance.now() - startedAt);
  });
  return Math.max(...rounds);
}

function burn(turns: number): number {
  let sum = 0;
  for (let turn = 0; turn < turns; turn++) sum += Math.sqrt(turn);
  return sum;
}

function answer(res: ServerResponse, waitMs: number, execMs: number): void {
  res.setHeader('server-timing', `wait;dur=${waitMs.toFixed(2)}, exec;dur=${execMs.toFixed(2)}`);
  res.end('ok');
}

/** One request at a time; how long each takes may depend on how many wait. */
class Turns {
  readonly #waiting: { readonly res: ServerResponse; readonly since: number }[] = [];
  readonly #work: (underWay: number, done: () => void) => void;
  #busy = false;

  constructor(work: (underWay: number, done: () => void) => void) {
    this.#work = work;
  }

  join(res: ServerResponse): void {
    this.#waiting.push({ res, since: performance.now() });
    if (!this.#busy) this.#next();
  }

  #next(): void {
    const turn = this.#waiting.shift();
    this.#busy = turn !== undefined;
    if (turn === undefined) return;
    const startedAt = performance.now();
    this.#work(this.#waiting.length + 1, () => {
      answer(turn.res, startedAt - turn.since, performance.now() - startedAt);
      // Requests that have come meanwhile are read first.
      setImmediate(() => this.#next());
    });
  }
}

function serve(turns: number): void {
  const kinds: Readonly<Record<string, (underWay: number, done: () => void) => void>> = {
    // A lock that is held for as long whoever waits.
    lock: (_underWay, done) => void setTimeout(done, holdMs),
    // The same before users who do not wait for each other.
    unbounded: (_underWay, done) => void setTimeout(done, holdMs),
    // A lock that is held for a third longer where others wait.
    mixed: (underWay, done) => void setTimeout(done, underWay > 1 ? holdMs * 1.36 : holdMs),
    // Work that grows with the number of those who want it.
    work: (underWay, done) => {
      burn(turns * holdMs * (1 + 0.25 * underWay));
      done();
    },
    // Work that is always the same: of one process, or of more than there are processors for.
    computing: (_underWay, done) => {
      burn(turns * holdMs);
      done();
    },
    processors: (_underWay, done) => {
      burn(turns * holdMs);
      done();
    },
  };
  const work = kinds[kind];
  if (work === undefined) throw new Error(`There is no planted server '${kind}'`);
  const queue = new Turns(work);
  const server = createServer((_req, res) => queue.join(res));
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
}

if (cluster.isPrimary) {
  const turns = turnsPerMs();
  let ready = 0;
  const count = kind === 'processors' ? PROCESSES : 1;
  for (let index = 0; index < count; index++) {
    cluster.fork({ TURNS: String(turns) }).on('message', ({ port }: { port: number }) => {
      if (++ready < count) return;
      const pids = Object.values(cluster.workers ?? {}).map((worker) => worker?.process.pid);
      process.stdout.write(`${JSON.stringify({ port, pids })}\n`);
    });
  }
  process.on('disconnect', () => process.exit());
} else serve(Number(process.env['TURNS']));
