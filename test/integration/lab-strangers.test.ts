import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { arrivalTimes } from '../../src/lab/load/arrivals.ts';
import { runClosedLoop } from '../../src/lab/load/closed-loop.ts';
import type { LoadResult, LoadTarget } from '../../src/lab/load/engine.ts';
import { runOpenLoopIn } from '../../src/lab/load/open-loop-processes.ts';
import { runOpenLoop } from '../../src/lab/load/open-loop.ts';
import { selfSigned } from '../support/certificates.ts';
import { startRawBackend } from '../support/raw.ts';
import { runRampart } from '../support/stack.ts';

const SECRET = 'token-of-a-stranger-0123456789';
const DURATION_MS = 700;
const plan = (durationMs: number) =>
  ({
    kind: 'open',
    arrivals: arrivalTimes('poisson', 60, durationMs, seededRandom(5)),
    durationMs,
    maxInFlight: 500,
  }) as const;

const engines: Readonly<Record<string, (target: LoadTarget) => Promise<LoadResult>>> = {
  'open loop': (target) => runOpenLoop(target, plan(DURATION_MS), systemClock),
  'open loop in two processes': (target) => runOpenLoopIn(2, target, plan(DURATION_MS), systemClock),
  'closed loop': (target) =>
    runClosedLoop(target, { kind: 'closed', connections: 2, cycleDelayMs: 10, durationMs: DURATION_MS }, systemClock),
};

const targetOf = (origin: string, method: 'GET' | 'HEAD' | 'PATCH' = 'GET'): LoadTarget => ({
  origin,
  mix: {
    endpoints: [{ endpoint: 'a', weight: 1, method, path: '/{{n}}', ...(method === 'PATCH' ? { body: '{}' } : {}) }],
    headers: { authorization: `Bearer ${SECRET}` },
    rows: [],
    seed: 1,
  },
  firstNumber: 0,
  timeoutMs: 3000,
});

function counts({ requests }: LoadResult): Record<string, number> {
  const found: Record<string, number> = {};
  for (let index = 0; index < requests.count; index++) {
    const outcome = requests.outcome(index);
    found[outcome] = (found[outcome] ?? 0) + 1;
  }
  return found;
}

interface Listening {
  readonly port: number;
  /** `Authorization` of every request that came. */
  readonly seen: (string | undefined)[];
  close(): void;
}

async function listen(server: Server): Promise<Listening> {
  const seen: (string | undefined)[] = [];
  server.on('request', (req) => seen.push(req.headers.authorization));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const ok: RequestListener = (_req, res) => void res.end('{"status":"ok"}');
const lab = (args: readonly string[], env: Record<string, string>) => runRampart(['lab', ...args], env);

describe('TLS', () => {
  const trusted = { here: selfSigned('IP:127.0.0.1'), elsewhere: selfSigned('DNS:elsewhere.example') };
  const unknown = selfSigned('IP:127.0.0.1');
  const defaults = getCACertificates('default');
  setDefaultCACertificates([...defaults, trusted.here.cert, trusted.elsewhere.cert]);
  after(() => setDefaultCACertificates(defaults));
  const folder = mkdtempSync(join(tmpdir(), 'rampart-lab-tls-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [name, run] of Object.entries(engines)) {
    for (const [what, certificate] of [
      ['a certificate of nobody known', unknown],
      ['a trusted certificate of another host', trusted.elsewhere],
    ] as const) {
      test(`${name}: ${what} is sent nothing, unless --insecure says so`, async () => {
        const server = await listen(createTlsServer(certificate, ok) as unknown as Server);
        const target = targetOf(`https://127.0.0.1:${server.port}`);
        try {
          const refused = await run(target);
          assert.deepEqual(counts(refused), { 'connection-error': refused.requests.count });
          assert.ok(refused.requests.count > 3);
          assert.deepEqual(server.seen, []);
          const sent = await run({ ...target, insecure: true });
          assert.deepEqual(counts(sent), { '2xx': sent.requests.count });
          assert.equal(server.seen.length, sent.requests.count);
        } finally {
          server.close();
        }
      });
    }
  }

  for (const name of ['open loop', 'closed loop']) {
    test(`${name}: a trusted certificate of this host carries the load, and requests count once`, async () => {
      const server = await listen(createTlsServer(trusted.here, ok) as unknown as Server);
      try {
        const result = await (engines[name] as (typeof engines)[string])(targetOf(`https://127.0.0.1:${server.port}`));
        assert.deepEqual(counts(result), { '2xx': server.seen.length });
      } finally {
        server.close();
      }
    });
  }

  for (const experiment of ['spike', 'ramp', 'matrix', 'soak', 'capacity']) {
    test(`lab ${experiment} names the certificate that it cannot trust, and sends no key`, async () => {
      const server = await listen(createTlsServer(unknown, ok) as unknown as Server);
      try {
        const url = `https://127.0.0.1:${server.port}`;
        // The lab verifies, whatever the environment says of other programs.
        const env = { RAMPART_DATA_DIR: folder, RAMPART_LAB_TOKEN: SECRET, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
        const { code, stdout, stderr } = await lab([experiment, '--url', url], env);
        assert.equal(code, 3, stderr);
        assert.match(stderr, /TLS certificate cannot be trusted: self-signed certificate.*--insecure/);
        assert.ok(!`${stdout}${stderr}`.includes(SECRET));
        assert.deepEqual(server.seen, []);
      } finally {
        server.close();
      }
    });
  }
});

describe('interim replies', () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    '103': ['HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n'],
    '102': ['HTTP/1.1 102 Processing\r\n\r\n'],
    '100': ['HTTP/1.1 100 Continue\r\n\r\n'],
    'several, in pieces': [
      'HTTP/1.1 100 Con',
      'tinue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 1',
      '03 Hints\r\n\r\n',
    ],
    '199, of which nobody knows': ['HTTP/1.1 199 Misc\r\nserver-timing: wait;dur=7, exec;dur=7\r\n\r\n'],
  };
  for (const [name, run] of Object.entries(engines)) {
    for (const [what, pieces] of Object.entries(cases)) {
      test(`${name}: ${what} before the reply ends no request`, async () => {
        let [answered, tooEarly] = [0, 0];
        const busy = new Set<Socket>();
        const backend = await startRawBackend((socket) => {
          if (busy.has(socket)) tooEarly++;
          busy.add(socket);
          // One after another: after a stall of this process, timers of different lengths run in any order.
          const send = (index: number): void => {
            const piece = pieces[index];
            if (piece !== undefined) {
              socket.write(piece);
              setTimeout(send, 4, index + 1);
              return;
            }
            answered++;
            busy.delete(socket);
            socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
          };
          send(0);
        });
        try {
          const result = await run(targetOf(backend.origin));
          assert.deepEqual({ ...counts(result), tooEarly }, { '2xx': answered, tooEarly: 0 });
          assert.equal(result.requests.count, answered);
          assert.ok(answered > 10, `${answered} replies`);
          assert.ok(Number.isNaN(result.requests.execMs(0)), 'an interim reply tells no timing');
        } finally {
          await backend.close();
        }
      });
    }

    for (const method of ['HEAD', 'PATCH'] as const) {
      test(`${name}: ${method} is sent and answered`, async () => {
        const methods = new Set<string | undefined>();
        const server = await listen(
          createServer((req, res) => {
            methods.add(req.method);
            res.writeHead(200, { 'content-length': '5' });
            res.end('hello');
          }),
        );
        try {
          const result = await run(targetOf(`http://127.0.0.1:${server.port}`, method));
          assert.deepEqual(counts(result), { '2xx': server.seen.length });
          assert.ok(server.seen.length > 10);
          assert.deepEqual([...methods], [method]);
        } finally {
          server.close();
        }
      });
    }
  }

  test('closed loop: another protocol that nobody asked for is no reply', async () => {
    const backend = await startRawBackend((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    });
    try {
      const result = await (engines['closed loop'] as (typeof engines)[string])(targetOf(backend.origin));
      assert.deepEqual(counts(result), { 'connection-error': result.requests.count });
    } finally {
      await backend.close();
    }
  });
});

describe('the first look', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rampart-lab-look-'));
  after(() => rmSync(dataDir, { recursive: true, force: true }));
  const sloFile = join(dataDir, 'shop.yaml');
  writeFileSync(
    sloFile,
    'service: shop\nendpoints:\n  - { id: items, load: { weight: 1 }, request: { path: "/items/{{n}}" } }\n',
  );
  const load = ['--from', '20', '--to', '20', '--gate', '20', '--hold', '0.5', '--json'];

  for (const experiment of ['capacity', 'ramp', 'matrix', 'soak', 'spike']) {
    test(`lab ${experiment} says at once that nobody listens`, async () => {
      const { code, stderr } = await lab([experiment, '--url', 'http://127.0.0.1:1'], { RAMPART_DATA_DIR: dataDir });
      assert.equal(code, 3, stderr);
      assert.match(stderr, /Cannot reach http:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/);
      assert.doesNotMatch(stderr, /requests\/s/, 'no probe was made');
    });
  }

  test('no key is made for a service that is not Rampart, nor where no request needs one', async () => {
    const server = await listen(createServer(ok));
    try {
      const url = `http://127.0.0.1:${server.port}`;
      const env = { RAMPART_DATA_DIR: dataDir };
      const barcodes = await lab(['ramp', '--url', url, ...load], env);
      assert.equal(barcodes.code, 2);
      assert.match(barcodes.stderr, /nothing at http:\/\/127\.0\.0\.1:\d+ says that it is a Rampart/);
      const own = await lab(['ramp', '--url', url, '--slo', sloFile, ...load], env);
      assert.ok(own.code === 0 || own.code === 3, own.stderr);
      assert.ok(server.seen.length > 10);
      assert.deepEqual([...new Set(server.seen)], [undefined]);
    } finally {
      server.close();
    }
  });

  test('a token of the environment or of a file is sent, and stands in no output', async () => {
    const server = await listen(createServer(ok));
    try {
      const keyFile = join(dataDir, 'token');
      writeFileSync(keyFile, `${SECRET}-of-a-file\n`);
      const args = ['ramp', '--url', `http://127.0.0.1:${server.port}`, '--slo', sloFile, ...load];
      const env = { RAMPART_DATA_DIR: dataDir, RAMPART_LAB_TOKEN: SECRET };
      const ofEnvironment = await lab(args, env);
      const ofFile = await lab([...args, '--key-file', keyFile], env);
      assert.deepEqual([...new Set(server.seen)], [undefined, `Bearer ${SECRET}`, `Bearer ${SECRET}-of-a-file`]);
      for (const { stdout, stderr } of [ofEnvironment, ofFile]) assert.ok(!`${stdout}${stderr}`.includes(SECRET));
      for (const run of readdirSync(join(dataDir, 'runs'))) {
        for (const file of readdirSync(join(dataDir, 'runs', run))) {
          assert.ok(!readFileSync(join(dataDir, 'runs', run, file), 'utf8').includes(SECRET), file);
        }
      }
    } finally {
      server.close();
    }
  });
});
