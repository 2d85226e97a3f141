import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { request } from 'undici';
import { freePorts, runRampart } from '../support/stack.ts';
import { type ReloadHost, startReloadHost } from '../support/reload-host.ts';

/** An application that takes so long, and answers with this status. */
async function startApp(afterMs: number, status = 200): Promise<Server> {
  const server = createServer((_req, res) => void setTimeout(() => res.writeHead(status).end('x'), afterMs));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return server;
}

const originOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const sides = (canary: string) => [
  { upstream: 'steady', weight: 80 },
  { upstream: canary, weight: 20 },
];

describe('rampart lab compare --canary', { timeout: 120_000 }, () => {
  let host: ReloadHost;
  let apps: Server[];
  before(async () => {
    apps = await Promise.all([startApp(5), startApp(60), startApp(5, 500)]);
    const [steady = '', slow = '', failing = ''] = apps.map(originOf);
    host = await startReloadHost(
      () => ({
        upstreams: {
          steady: { backends: [steady], cap: 32 },
          slow: { backends: [slow], cap: 32 },
          failing: { backends: [failing], cap: 32 },
        },
        routes: [
          { endpoint: 'slowSide', path: '/slow/*', upstreams: sides('slow'), splitBy: 'random', authenticate: false },
          {
            endpoint: 'failingSide',
            path: '/failing/*',
            upstreams: sides('failing'),
            splitBy: 'random',
            authenticate: false,
          },
        ],
      }),
      { instances: 1 },
    );
  });
  after(async () => {
    for (const app of apps) app.close();
    await host?.stop();
  });

  /** Runs the command while clients send requests to the path. */
  async function compare(path: string, ...args: string[]) {
    const ending = new AbortController();
    const client = async (id: number): Promise<void> => {
      for (let n = 0; !ending.signal.aborted; n++) {
        const url = `http://127.0.0.1:${host.stack.env['PORT']}${path}${id}-${n}`;
        const { body } = await request(url);
        await body.dump();
      }
    };
    const clients = Promise.all(Array.from({ length: 16 }, (_, id) => client(id)));
    const result = await runRampart(
      ['lab', 'compare', '--canary', ...args, '--admin-url', host.stack.adminUrl, '--runs', '5', '--hold', '1.5'],
      host.stack.env as Record<string, string>,
    );
    ending.abort();
    await clients;
    return result;
  }

  test('a slower side fails by its live traffic', async () => {
    const { code, stdout, stderr } = await compare('/slow/', 'slow', '--endpoint', 'slowSide');
    assert.match(stdout, /^slow beside the other sides of slowSide: /, stderr);
    assert.match(stdout, /p95 latency: \+.*: worse\n/);
    assert.equal(code, 1, stdout);
  });

  test('a side that fails more fails', async () => {
    const { code, stdout, stderr } = await compare('/failing/', 'failing');
    assert.match(stdout, /failed requests: 100\.0 % against 0\.0 %/, stderr);
    assert.equal(code, 1, stdout);
  });

  test('a name that is no side, another form of the command, and no admin API are said', async () => {
    const env = host.stack.env as Record<string, string>;
    const unknown = await runRampart(['lab', 'compare', '--canary', 'nobody', '--admin-url', host.stack.adminUrl], env);
    assert.equal(unknown.code, 3);
    assert.match(
      unknown.stderr,
      /no endpoint at .* shares its requests between nobody and another upstream; there are/,
    );
    const mixed = await runRampart(['lab', 'compare', '--canary', 'slow', '--b', 'QUEUE_CAPACITY=9'], env);
    assert.equal(mixed.code, 2);
    assert.match(mixed.stderr, /--b does not go with --canary, which sends no load/);
    const port = await freePorts(1);
    const away = await runRampart(
      ['lab', 'compare', '--canary', 'slow', '--admin-url', `http://127.0.0.1:${port}`],
      env,
    );
    assert.equal(away.code, 3);
    assert.match(away.stderr, /cannot compare the sides/);
  });
});
