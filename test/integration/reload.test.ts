import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ConfigFile } from '../../src/config/define-config.ts';
import { wholeOr } from '../support/long-run.ts';
import { startMixedLoad } from '../support/mixed-load.ts';
import { eventually } from '../support/raw.ts';
import { type ReloadHost, startReloadHost } from '../support/reload-host.ts';

type Routes = NonNullable<ConfigFile['routes']>;

/** An upstream of these backends with a route for everything, and further routes. */
const configOf = (backends: readonly string[], routes: Routes = [], more: object = {}): ConfigFile => ({
  upstreams: { app: { backends: [...backends], cap: 16, healthPath: '/health', ...more } },
  routes: [{ endpoint: 'all', path: '/*', upstream: 'app', authenticate: false }, ...routes],
});

const plain = (endpoint: string, path: string, more: object = {}): Routes[number] => ({
  endpoint,
  path,
  upstream: 'app',
  authenticate: false,
  ...more,
});

describe('rampart reload', () => {
  let host: ReloadHost;
  let origins: readonly string[];

  before(async () => {
    host = await startReloadHost((all) => configOf(all.slice(0, 2)));
    ({ origins } = host.app);
  });
  after(() => host.stop());

  const endpointOf = async (path: string): Promise<string> => {
    const before = await host.stack.metrics();
    await (await fetch(`${host.stack.url}${path}`)).text();
    const after = await host.stack.metrics();
    const counts = (text: string): Map<string, number> =>
      new Map(
        [...text.matchAll(/^rampart_requests_total\{endpoint="(\w+)",status="\d+"\} (\d+)$/gm)].map(
          ([, endpoint = '', count]) => [endpoint, Number(count)],
        ),
      );
    const was = counts(before);
    return [...counts(after)].find(([endpoint, count]) => count > (was.get(endpoint) ?? 0))?.[0] ?? 'none';
  };

  test('an unchanged file is no reload', async () => {
    const version = await host.version();
    const { code, stdout } = await host.reload(configOf(origins.slice(0, 2)));
    assert.deepEqual(
      [code, stdout.split('\n')[0]?.replace(/\(.*?\)/, '()')],
      [0, `nothing to do: version ${version} () is in force, and the file says the same`],
    );
    assert.equal(await host.version(), version);
  });

  test('routes are added, changed and removed, and the answer comes when all workers have them', async () => {
    const version = await host.version();
    const added = await host.reload(configOf(origins.slice(0, 2), [plain('things', '/things/*')]));
    assert.match(
      added.stdout,
      new RegExp(
        `^version ${version + 1} \\(\\w{12}\\) is in force on all workers\n {2}live {4}route things is added\n$`,
      ),
    );
    assert.deepEqual(await host.workerVersions(), [version + 1, version + 1]);
    assert.equal(await endpointOf('/things/1'), 'things');
    const changed = await host.reload(
      configOf(origins.slice(0, 2), [plain('things', '/other/*', { timeoutMs: 1000 })]),
    );
    assert.match(changed.stdout, /routes\.things\.path changes from "\/things\/\*" to "\/other\/\*"/);
    assert.equal(await endpointOf('/things/1'), 'all');
    assert.equal(await endpointOf('/other/1'), 'things');
    const { stdout } = await host.reload(configOf(origins.slice(0, 2)));
    assert.match(stdout, /\n {2}drains {2}route things is removed; its requests in flight end first\n/);
    assert.equal(await endpointOf('/other/1'), 'all');
  });

  test('--fleet is wrong usage without a fleet, and says what it takes', async () => {
    const { code, stderr } = await host.stack.run('reload', '--fleet');
    assert.equal(code, 2);
    assert.match(stderr, /VALKEY_URL is not set: it must name the Valkey of all hosts/);
  });

  test('a dry run says what would change, and changes nothing', async () => {
    await host.reload(configOf(origins.slice(0, 2)));
    const version = await host.version();
    const { code, stdout } = await host.reload(configOf(origins.slice(0, 3)), '--dry-run', '--json');
    const { outcome, changes } = JSON.parse(stdout) as { outcome: string; changes: unknown[] };
    assert.deepEqual(
      [code, outcome, changes],
      [
        0,
        'checked',
        [
          {
            path: 'upstreams.app.backends',
            kind: 'added',
            class: 'live',
            after: origins[2],
            text: `upstream app: backend ${origins[2]} is added`,
          },
        ],
      ],
    );
    assert.equal(await host.version(), version);
  });

  test('more than half of the backends go with --force only', async () => {
    await host.reload(configOf(origins.slice(0, 3)));
    const version = await host.version();
    const refused = await host.reload(configOf(origins.slice(0, 1)));
    assert.equal(refused.code, 1);
    assert.match(
      refused.stdout,
      /^refused: nothing has changed.*\n {2}- upstream app loses 2 of 3 backends: use --force .*if that is meant\n/,
    );
    const forced = await host.reload(configOf(origins.slice(0, 1)), '--force');
    assert.deepEqual([forced.code, await host.version()], [0, version + 1]);
  });

  test('SIGHUP to the supervisor reloads, and a broken file is logged and changes nothing', async () => {
    const version = await host.version();
    host.write(configOf(origins.slice(0, 2)));
    host.stack.supervisor.kill('SIGHUP');
    await eventually('the version is in force', async () => (await host.version()) === version + 1);
    host.write('export default { upstreams: { app: { backends: [] } } };');
    host.stack.supervisor.kill('SIGHUP');
    await eventually('it is refused', () =>
      /upstreams\.app\.backends: has no entry: list at least one/.test(host.stack.output()),
    );
    assert.equal(await host.version(), version + 1);
    assert.match(await host.stack.metrics(), /^rampart_config_reloads_total\{result="refused"\} [1-9]/m);
    assert.match(await host.stack.metrics(), new RegExp(`^rampart_config_version ${version + 1}$`, 'm'));
  });

  test('under load, reloads of routes and backends fail no request and cut no stream or tunnel', async () => {
    await host.reload(configOf(origins), '--force');
    const load = await startMixedLoad({ url: host.stack.url, perSecond: 100, eventStreams: 10, tunnels: 10 });
    for (let round = 0; round < wholeOr(4, 2); round++) {
      const some = origins.slice(0, 2 + (round % 3));
      const { code, stdout } = await host.reload(
        configOf(some, [plain('things', `/things${round}/*`)], { cap: 16 - round }),
      );
      assert.equal(code, 0, stdout);
    }
    const { kept, fresh, failures, cut, uploads, downloads, echoes, events } = await load.stop();
    assert.deepEqual({ failures, cut }, { failures: [], cut: [] });
    assert.deepEqual([kept.outcomes, fresh.outcomes], [{ '200': kept.sent }, { '200': fresh.sent }]);
    for (const count of [kept.sent, fresh.sent, uploads, downloads, echoes, events]) assert.ok(count > 5);
    // Caps hold through the changes, which lowered them from 16.
    assert.ok(Math.max(...host.app.mostInFlight) <= 16, host.app.mostInFlight.join());
  });
});
