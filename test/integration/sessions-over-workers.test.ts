import assert from 'node:assert/strict';
import { get } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { type ReloadHost, startReloadHost } from '../support/reload-host.ts';

const BACKENDS = 3;
const CAP = 8;
/** At one backend, so that none is ever full; each has one request in flight. */
const SESSIONS_EACH = 5;
const REQUESTS = 25;
/** Requests of a machine that is busy for longer than a request waits for the backend of its session. */
const TOLERATED = 0.02;

describe('sessions over workers', () => {
  let host: ReloadHost;
  before(async () => {
    host = await startReloadHost(
      (backends) => ({
        upstreams: {
          app: { backends: [...backends], cap: CAP, healthPath: '/health', hashBy: 'header:x-session' },
        },
        routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }],
      }),
      { instances: BACKENDS, env: { GATEWAY_WORKERS: '4' } },
    );
  });
  after(() => host.stop());

  /** Sends a request on a connection of its own, which comes to any worker; resolves to the backend. */
  function ask(session: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { agent: false, headers: { 'x-session': session } } as const;
      get(`${host.stack.url}/x`, options, (res) => {
        res.resume();
        res.on('end', () => resolve(String(res.headers['x-instance'])));
      }).on('error', reject);
    });
  }

  /** Some sessions at each backend, with their backends. */
  async function sessionsAtRest(): Promise<Map<string, string>> {
    const homes = new Map<string, string>();
    const counts = new Map<string, number>();
    for (let number = 0; homes.size < BACKENDS * SESSIONS_EACH; number++) {
      const session = `s${number}`;
      const home = await ask(session);
      const count = counts.get(home) ?? 0;
      if (count === SESSIONS_EACH) continue;
      counts.set(home, count + 1);
      homes.set(session, home);
    }
    return homes;
  }

  /** How many requests of these sessions, all at once, came to another backend than before. */
  async function movesOf(homes: ReadonlyMap<string, string>): Promise<number> {
    const moves = await Promise.all(
      [...homes].map(async ([session, home]) => {
        let moved = 0;
        for (let request = 0; request < REQUESTS; request++) if ((await ask(session)) !== home) moved++;
        return moved;
      }),
    );
    return moves.reduce((sum, count) => sum + count, 0);
  }

  test('stay at their backend while it has room, whichever workers have its permits', async () => {
    const homes = await sessionsAtRest();
    const moved = await movesOf(homes);
    assert.ok(moved <= TOLERATED * REQUESTS * homes.size, `${moved} of ${REQUESTS * homes.size}`);
    for (const most of host.app.mostInFlight) assert.ok(most <= CAP, `${most} at a time`);
  });

  test('are served without control, and stay again when it is back', async () => {
    const homes = await sessionsAtRest();
    const { pid } = (await host.stack.status()).control;
    process.kill(pid, 'SIGKILL');
    await movesOf(homes);
    await eventually('control is back', async () => {
      const status = await host.stack.status().catch(() => undefined);
      return status !== undefined && status.control.pid !== pid && status.workers.length === 4;
    });
    await eventually('sessions stay', async () => (await movesOf(homes)) <= TOLERATED * REQUESTS * homes.size, 15_000);
  });
});
