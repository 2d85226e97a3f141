import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ConfigFile } from '../../src/config/define-config.ts';
import { controlSocket } from '../../src/control/control-socket.ts';
import { askControl } from '../../src/control/link.ts';
import { processName } from '../../src/core/process-name.ts';
import { runFolder } from '../../src/core/run-folder.ts';
import { eventually } from '../support/raw.ts';
import { type ReloadHost, startReloadHost } from '../support/reload-host.ts';
import { longestOverlapMs, watchVersions } from '../support/version-watch.ts';

interface Answer {
  readonly outcome: string;
  readonly reason?: string;
  readonly problems: readonly string[];
}

/** A configuration whose reply at /version names it. */
const marked = (origins: readonly string[], marker: string): ConfigFile => ({
  upstreams: { app: { backends: [...origins], healthPath: '/health' } },
  routes: [
    { endpoint: 'all', path: '/*', upstream: 'app', authenticate: false },
    { endpoint: 'version', path: '/version', static: { status: 200, body: marker }, authenticate: false },
  ],
});

const upstream = "upstreams: { app: { backends: ['http://127.0.0.1:1'] } }";
const route = (more: string): string =>
  `export default { ${upstream}, routes: [{ endpoint: 'a', path: '/a', upstream: 'app', ${more} }] };`;

/** Files that cannot be used, each with what the answer must name. */
const broken: readonly (readonly [string, RegExp])[] = [
  ['const a = ;', /rampart\.config\.ts cannot be loaded: line 1: /],
  ['export default {', /cannot be loaded/],
  ["\n\nthrow new Error('not today');", /line 3: not today/],
  ['null.x;', /line 1: Cannot read properties of null/],
  ['undefinedName();', /line 1: undefinedName is not defined/],
  ["import './missing.ts'; export default {};", /Cannot find module.*missing\.ts/],
  ["import { x } from 'no-such-package'; export default { x };", /no-such-package/],
  ['\nprocess.exit(0);', /line 2: it calls process\.exit\(0\)/],
  ['process.abort();', /line 1: process\.abort/],
  ['await new Promise(() => {});', /it waits for something that never comes/],
  ["Promise.reject(new Error('later')); await new Promise((r) => setTimeout(r, 200));", /later/],
  ['const all = []; for (;;) all.push(new Array(1e6).fill(1.5));', /more than 256 MiB of memory/],
  ['const all = []; for (;;) all.push(Buffer.alloc(5e7, 1));', /more than 512 MiB of memory/],
  ['\nfor (;;) Math.sqrt(2);', /line 2: it did not end within 5 s, and loops here/],
  ['export const x = 1;', /the default export: is missing/],
  ['export default 7;', /the default export: must be an object: got 7/],
  ['export default [];', /the default export: must be an object/],
  [
    'export default { get routes() { throw new Error("in a getter"); } };',
    /the default export: cannot be read: in a getter/,
  ],
  ['export default { routes: () => [] };', /routes: must be a list/],
  ['export default { rutes: [] };', /there is no 'rutes' here; did you mean 'routes'/],
  ['export default { upstreams: { App: { backends: [] } } };', /upstreams\.App: is no name/],
  ['export default { upstreams: { app: {} } };', /upstreams\.app\.backends: has no entry/],
  ['export default { upstreams: { app: { backends: [] } } };', /upstreams\.app\.backends: has no entry/],
  ["export default { upstreams: { app: { backends: ['127.0.0.1:80'] } } };", /upstreams\.app\.backends\.0: /],
  ["export default { upstreams: { app: { backends: ['http://a:1/x'] } } };", /backends\.0: must be an origin/],
  ["export default { upstreams: { app: { backends: ['http://a:1', 'http://a:1'] } } };", /there twice/],
  [
    "export default { upstreams: { app: { backends: ['http://a:1'], cap: 0 } } };",
    /upstreams\.app\.cap: must be at least 1/,
  ],
  ["export default { upstreams: { app: { backends: ['http://a:1'], cap: '4' } } };", /upstreams\.app\.cap: must be a/],
  [
    "export default { upstreams: { app: { backends: ['http://a:1'], balancer: 'best' } } };",
    /app\.balancer: must be one of/,
  ],
  [
    "export default { upstreams: { generator: { backends: ['http://a:1'] } } };",
    /upstreams\.generator: the name belongs/,
  ],
  [
    "export default { routes: [{ endpoint: 'a', path: '/a', upstream: 'none' }] };",
    /routes\.0\.upstream: there is no upstream 'none'/,
  ],
  [route("authenticate: 'maybe'"), /routes\.0\.authenticate: /],
  [route('timeoutMs: -1'), /routes\.0\.timeoutMs: must be at least 1/],
  [route("methods: ['get']"), /routes\.0\.methods\.0: must be a method/],
  [route('retry: { attempts: 99 }'), /routes\.0\.retry/],
  [route('cache: { ttlSeconds: -1 }'), /routes\.0\.cache/],
  [
    `export default { ${upstream}, routes: [{ endpoint: 'ready', path: '/a', upstream: 'app' }] };`,
    /routes\.0\.endpoint: 'ready' is taken/,
  ],
  [
    `export default { ${upstream}, routes: [{ endpoint: 'a b', path: '/a', upstream: 'app' }] };`,
    /routes\.0\.endpoint: must be a name/,
  ],
  ["export default { trustedProxies: ['nowhere'] };", /trustedProxies\.0: must be an address/],
  [route('maxBodyBytes: 5'), /routes\.a\.authenticate: keys need the database/],
];

describe('a reload that goes wrong', () => {
  let host: ReloadHost;
  let ask: (force?: boolean) => Promise<Answer | undefined>;

  before(async () => {
    host = await startReloadHost((origins) => marked(origins, 'first'), { env: { GATEWAY_WORKERS: '3' } });
    const socket = controlSocket(runFolder(host.stack.dataDir));
    ask = async (force = true) =>
      (await askControl(socket, { type: 'ask', what: 'reload', force }, 20_000)) as Answer | undefined;
  });
  after(() => host.stop());

  test(`${broken.length} broken files are refused with path and rule, and the version in force serves on`, async () => {
    const version = await host.version();
    const wrong: string[] = [];
    for (const [text, expected] of broken) {
      host.write(text);
      const answer = await ask();
      const problems = answer?.problems.join('\n') ?? 'no answer';
      if (answer?.outcome !== 'refused' || !expected.test(problems))
        wrong.push(`${text}\n  ${answer?.outcome}: ${problems}`);
      const reply = await fetch(`${host.stack.url}/version`);
      assert.equal(await reply.text(), 'first');
    }
    assert.deepEqual(wrong, []);
    assert.equal(broken.length, 40);
    assert.equal(await host.version(), version);
  });

  const workersAreBack = (): Promise<void> =>
    eventually(
      'three workers have the version in force',
      async () => {
        const versions = await host.workerVersions();
        const version = await host.version();
        return versions.length === 3 && versions.every((one) => one === version);
      },
      20_000,
    );

  /** The process ids of the workers, or that of control. */
  const pidsOf = async (role: 'workers' | 'control'): Promise<number[]> => {
    const status = await host.stack.status();
    return role === 'control' ? [status.control.pid] : status.workers.map(({ pid }) => pid);
  };

  for (const [role, rounds] of [
    ['workers', 8],
    ['control', 8],
  ] as const) {
    test(`${role} killed during a reload: never two versions for more than 2 s, and the next reload works`, async () => {
      for (let round = 0; round < rounds; round++) {
        const watch = watchVersions(`${host.stack.url}/version`);
        const [pid = 0] = await pidsOf(role);
        host.write(marked(host.app.origins, `${role}-${round}`));
        const asked = ask();
        // The evaluation takes some hundred milliseconds; the two steps after it some ten.
        await new Promise((resolve) => void setTimeout(resolve, 300 + round * 60));
        process.kill(pid, 'SIGKILL');
        await asked;
        await eventually('control is there', async () => (await ask()) !== undefined, 20_000);
        await workersAreBack();
        const { seen } = await watch.stop();
        assert.ok(longestOverlapMs(seen) < 2000, JSON.stringify(seen));
        assert.equal(await (await fetch(`${host.stack.url}/version`)).text(), `${role}-${round}`);
      }
    });
  }

  test('a worker that stands still makes the change fail as a whole, and is named', async () => {
    const [pid = 0] = await pidsOf('workers');
    const version = await host.version();
    host.write(marked(host.app.origins, 'stopped'));
    process.kill(pid, 'SIGSTOP');
    const answer = await ask();
    if (answer?.outcome === 'refused') {
      assert.match(answer.problems.join(), new RegExp(`\\(process ${pid}\\) did not answer within 2 s`));
      assert.equal(await host.version(), version);
    } else assert.equal(answer?.outcome, 'applied', 'control has ended the worker, and the others had the version');
    if (processName(pid) !== undefined) process.kill(pid, 'SIGCONT');
    await workersAreBack();
    assert.match((await ask())?.outcome ?? '', /applied|unchanged/);
    await workersAreBack();
  });
});
