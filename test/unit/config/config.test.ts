import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configWithFile, loadConfig } from '../../../src/config/config.ts';
import { variables } from '../../../src/config/environment.ts';
import { referenceProblems } from '../../../src/config/file-references.ts';
import { fileSchema } from '../../../src/config/file-schema.ts';
import { parseConfigFile } from '../../../src/config/file.ts';
import { UsageError } from '../../../src/core/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function problemsOf(env: Record<string, string>): Promise<readonly string[]> {
  const error = await loadConfig(env, folder).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) return [];
  assert.ok(error instanceof UsageError);
  return error.problems;
}

describe('loadConfig', () => {
  test('tells settings of the environment from their defaults, whatever their values', async () => {
    const queueOf = ({ upstreams }: Awaited<ReturnType<typeof loadConfig>>) =>
      upstreams.map(({ queuePerPermit, isQueueTimeoutSet }) => [queuePerPermit > 0, isQueueTimeoutSet]);
    const file = { upstreams: { app: { backends: ['http://127.0.0.1:1'] } } };
    for (const [env, expected] of [
      [{}, [true, false]],
      [{ QUEUE_CAPACITY: '256' }, [false, false]],
      [{ QUEUE_TIMEOUT_MS: '1000' }, [true, true]],
      [{ QUEUE_CAPACITY: '20', QUEUE_TIMEOUT_MS: '5000' }, [false, true]],
    ] as const) {
      assert.deepEqual(queueOf(await loadConfig(env, folder)), [expected]);
      assert.deepEqual(queueOf(configWithFile(env, file, folder)), [expected, expected]);
    }
  });

  test('needs nothing, and gives the defaults of the contract', async () => {
    const { env, upstreams } = await loadConfig({}, folder);
    assert.deepEqual(
      [env.PORT, env.HOST, env.ADMIN_PORT, env.GENERATOR_PORT, env.GENERATOR_CONCURRENCY],
      [8080, '127.0.0.1', 8081, 9100, 4],
    );
    assert.deepEqual(
      [env.QUEUE_CAPACITY, env.QUEUE_TIMEOUT_MS, env.UPSTREAM_TIMEOUT_MS, env.CONNECT_TIMEOUT_MS],
      [256, 1000, 30_000, 1000],
    );
    assert.deepEqual([env.CACHE_MAX_BYTES, env.CACHE_TTL_SECONDS, env.LEDGER_DURABILITY], [67_108_864, 600, 'wal']);
    assert.equal(upstreams[0]?.backends.length, env.GENERATOR_INSTANCES);
  });

  test('reports every problem at once: the variable, what it takes, what it got', async () => {
    assert.deepEqual(await problemsOf({ PORT: '0', GATEWAY_WORKERS: 'two', LOG_LEVEL: 'loud' }), [
      "PORT must be a whole number from 1 to 65535: got '0'",
      "GATEWAY_WORKERS must be a whole number from 1 to 256: got 'two'",
      "LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent: got 'loud'",
    ]);
  });

  test('an empty value counts as not set', async () => {
    assert.deepEqual(await problemsOf({ PORT: '' }), []);
  });

  test('never prints what may hold a secret', async () => {
    const problems = await problemsOf({ DATABASE_URL: 'mysql://u:hunter2@h/d', ADMIN_TOKEN: 'short' });
    assert.equal(problems.length, 2);
    assert.doesNotMatch(problems.join(), /hunter2|short'/);
  });

  test('each variable refuses something', async () => {
    const bad = '\0';
    for (const name of Object.keys(variables)) assert.notDeepEqual(await problemsOf({ [name]: bad }), [], name);
  });

  test('refuses ports that collide, and an admin API open to the world', async () => {
    assert.equal((await problemsOf({ PORT: '9000', ADMIN_PORT: '9000' })).length, 1);
    assert.equal((await problemsOf({ PORT: '9101', GENERATOR_INSTANCES: '2' })).length, 1);
    assert.equal((await problemsOf({ GENERATOR_PORT: '65535', GENERATOR_INSTANCES: '2' })).length, 1);
    assert.match((await problemsOf({ ADMIN_HOST: '0.0.0.0' })).join(), /ADMIN_TOKEN must be set/);
    assert.deepEqual(await problemsOf({ ADMIN_HOST: '0.0.0.0', ADMIN_TOKEN: 'x'.repeat(16) }), []);
  });

  test('is frozen through and through', async () => {
    const config = await loadConfig({}, folder);
    assert.throws(() => Object.assign(config.env, { PORT: 1 }), TypeError);
    assert.throws(() => Object.assign(config.upstreams[0]?.backends[0] ?? {}, { id: 'x' }), TypeError);
  });

  test('sizes may have a unit', async () => {
    assert.equal((await loadConfig({ CACHE_MAX_BYTES: '2MiB' }, folder)).env.CACHE_MAX_BYTES, 2 * 1024 ** 2);
  });

  test('a file that cannot be loaded is reported with the line, even if it is an imported one', async () => {
    const reasons: readonly (readonly [string, string])[] = [
      [
        "export default {\n  upstreams: { a: { backends: ['x'] }\n  routes: [] };\n",
        "line 3: Expected ',', got 'ident'",
      ],
      ['export default {\n  a: process.env.NONE_SUCH.trim(),\n};\n', 'line 2: Cannot read properties of undefined'],
      ['\n\nenum A { x }\n', 'line 3: TypeScript enum is not supported'],
      ["import './other.ts';\n", join(folder, 'other.ts') + ', line 2: broken'],
      ["import './none.ts';\n", 'Cannot find module'],
    ];
    writeFileSync(join(folder, 'other.ts'), "\nthrow new Error('broken');\n");
    for (const [index, [text, reason]] of reasons.entries()) {
      const name = `wrong-${index}.config.ts`;
      writeFileSync(join(folder, name), text);
      const [problem = ''] = await problemsOf({ RAMPART_CONFIG: name });
      assert.ok(problem.startsWith(`${join(folder, name)} cannot be loaded: ${reason}`), problem);
    }
  });

  for (const [kind, text] of [
    ['none', undefined],
    ['of CommonJS, as npm init writes it', '{ "type": "commonjs" }'],
    ['of ES modules', '{ "type": "module" }'],
  ] as const) {
    test(`loads a typed file that imports rampart/config and a file beside it; package.json: ${kind}`, async () => {
      const elsewhere = join(folder, `package ${kind}`);
      mkdirSync(elsewhere);
      if (text !== undefined) writeFileSync(join(elsewhere, 'package.json'), text);
      writeFileSync(join(elsewhere, 'peers.ts'), "export const peers: string[] = ['10.0.0.0/8'];\n");
      writeFileSync(
        join(elsewhere, 'rampart.config.ts'),
        "import { defineConfig } from 'rampart/config';\nimport { peers } from './peers.ts';\nexport default defineConfig({ trustedProxies: peers });\n",
      );
      assert.deepEqual((await loadConfig({}, elsewhere)).trustedProxies, ['10.0.0.0/8']);
      writeFileSync(join(elsewhere, 'broken.ts'), 'export default {\n  routes: [}\n};\n');
      await assert.rejects(
        loadConfig({ RAMPART_CONFIG: 'broken.ts' }, elsewhere),
        ({ problems }: UsageError) =>
          problems[0]?.startsWith(`${join(elsewhere, 'broken.ts')} cannot be loaded: line 2: `) === true,
      );
    });
  }

  test('loads a configuration file that is named, and says when there is none', async () => {
    writeFileSync(
      join(folder, 'some.config.ts'),
      "export default { upstreams: { app: { backends: ['http://127.0.0.1:3000'] } }, routes: [{ endpoint: 'app', path: '/app/*', upstream: 'app' }] };",
    );
    const { routes, upstreams } = await loadConfig({ RAMPART_CONFIG: 'some.config.ts' }, folder);
    assert.deepEqual(routes[0], {
      endpoint: 'app',
      host: undefined,
      path: '/app/*',
      methods: undefined,
      headers: undefined,
      query: undefined,
      upstream: 'app',
      upstreams: undefined,
      splitBy: 'key',
      redirect: undefined,
      static: undefined,
      rewrite: undefined,
      request: undefined,
      response: undefined,
      errorPages: undefined,
      authenticate: true,
      authentication: 'key',
      jwt: undefined,
      basic: undefined,
      forward: undefined,
      certificate: undefined,
      allow: undefined,
      deny: undefined,
      cors: undefined,
      secret: undefined,
      timeoutMs: 30_000,
      maxBodyBytes: 10_485_760,
      priority: undefined,
      limit: undefined,
      mirror: undefined,
      pure: false,
      hedge: false,
      compress: undefined,
      cache: undefined,
      paths: 'strict',
      upload: 'buffer',
      bufferBodyBytes: 65_536,
      bufferReplyBytes: 262_144,
      idleTimeoutMs: undefined,
      longLived: false,
      streamsAreWork: false,
      retry: { attempts: undefined, on: undefined },
    });
    assert.deepEqual(upstreams[1]?.backends, [{ id: '127.0.0.1:3000', origin: 'http://127.0.0.1:3000' }]);
    assert.deepEqual(await problemsOf({ RAMPART_CONFIG: 'none.ts' }), [
      "RAMPART_CONFIG must name a file: got 'none.ts'",
    ]);
  });
});

describe('parseConfigFile', () => {
  const problems = (value: unknown): readonly string[] => parseConfigFile(value, 'file').problems;

  test('names the path of each wrong value', () => {
    const wrong = { upstreams: { app: { backends: ['https://x/y'], cap: 0 } }, other: 1 };
    const text = problems(wrong).join('\n');
    assert.match(text, /file: upstreams\.app\.backends\.0: /);
    assert.match(text, /file: upstreams\.app\.cap: /);
    assert.match(text, /other/);
  });

  test('says what it got, once for each value and each unknown name, and no password', () => {
    const backends = ['localhost:3000', 'http://a:1/path', 'http://user:secret@a:1'];
    const route = { endpoint: 'x y', path: 'x', upstream: 'app', methods: ['get'], rewrite: '/', stripPrefix: '/' };
    const said = problems({ upstreams: { app: { backends } }, routes: [route] }).map((text) => text.slice(6));
    assert.deepEqual(
      said.map((text) => text.replace(/; it takes .*/, '')),
      [
        'upstreams.app.backends.0: must be an origin such as http://127.0.0.1:3000, https://api.example or unix:/run/app.sock: got "localhost:3000"',
        'upstreams.app.backends.1: must be an origin such as http://127.0.0.1:3000, without path, query or credentials: got "http://a:1/path"',
        'upstreams.app.backends.2: must be an origin such as http://127.0.0.1:3000, without path, query or credentials: got "http://***@a:1"',
        'routes.0.endpoint: must be a letter, then up to 63 letters, digits and _: got "x y"',
        'routes.0.path: must start with / and may end in /*, without other *, ?, #, %, ; or spaces: got "x"',
        'routes.0.methods.0: must be a method in capital letters, such as GET: got "get"',
        'routes.0.rewrite: must be an object: got "/"',
        "routes.0: there is no 'stripPrefix' here",
      ],
    );
  });

  test('a parameter of a path needs a name, and only a whole segment is one', () => {
    const pathProblems = (path: string) =>
      problems({
        upstreams: { app: { backends: ['http://a:1'] } },
        routes: [{ endpoint: 'x', path, upstream: 'app' }],
      });
    for (const path of ['/users/:', '/:1/*', '/a/:b-c/c']) assert.match(pathProblems(path).join(), /such as :id/);
    assert.match(pathProblems('/users/{id}').join(), /must write a parameter as :name/);
    assert.match(pathProblems('/:id/x/:id').join(), /a name of its own/);
    assert.match(pathProblems('/café/*').join(), /ASCII/);
    assert.match(pathProblems('/a/../b').join(), /no dot segments/);
    for (const path of ['/users/:id', '/:tenant/*', '/a/:b/c', '/users/me:rename', '/v1/a:b/*', '/x'])
      assert.deepEqual(pathProblems(path), []);
  });

  test('an upstream must exist, and an endpoint be named once', () => {
    const upstreams = { app: { backends: ['http://a:1'] } };
    const route = { endpoint: 'x', path: '/x', upstream: 'app' };
    assert.deepEqual(problems({ upstreams, routes: [route] }), []);
    assert.match(
      problems({ upstreams, routes: [{ ...route, upstream: 'b' }] }).join(),
      /there is no upstream 'b'; upstreams names app/,
    );
    assert.match(problems({ upstreams, routes: [route, route] }).join(), /'x' is taken/);
    assert.match(
      problems({ upstreams, routes: [{ ...route, endpoint: 'createBarcode' }] }).join(),
      /is taken by Rampart itself/,
    );
  });

  test('a route has one of upstream, upstreams, redirect and static, and its names must exist', () => {
    const upstreams = { app: { backends: ['http://a:1'] } };
    const one = (route: object) =>
      problems({ upstreams, routes: [{ endpoint: 'x', path: '/x/:id', ...route }] }).join();
    const sides = (...names: string[]) => ({ upstreams: names.map((upstream) => ({ upstream, weight: 1 })) });
    assert.match(one({}), /exactly one of upstream, upstreams, redirect and static: got none/);
    assert.match(one({ upstream: 'app', static: {} }), /got 2 of them/);
    assert.match(
      one(sides('app', 'b')),
      /routes\.0\.upstreams\.1\.upstream: there is no upstream 'b'; upstreams names app/,
    );
    assert.match(one(sides('app', 'app')), /upstreams: 'app' is there twice/);
    assert.match(
      one({
        upstreams: [
          { upstream: 'app', weight: 0 },
          { upstream: 'app', weight: 0 },
        ],
      }),
      /a weight above 0/,
    );
    assert.match(
      one({ upstream: 'app', rewrite: { path: '/:other' } }),
      /rewrite\.path: the path \/x\/:id has no parameter ':other'/,
    );
    assert.match(one({ upstream: 'app', rewrite: { path: '/a/*' } }), /it ends in \*, but the path/);
    assert.match(one({ upstream: 'app', rewrite: { stripPrefix: '/y' } }), /does not begin with \/y/);
    assert.match(one({ upstream: 'app', secret: ['token'] }), /secret: the path \/x\/:id has no parameter ':token'/);
    assert.match(one({ static: {}, cache: {} }), /cache: it has no effect on a route without an upstream/);
    assert.match(one({ redirect: { to: '/a', scheme: 'https' } }), /exactly one of to, scheme, trailingSlash/);
    assert.match(one({ static: { file: 'none.html' } }), /static\.file: \S*none\.html cannot be read/);
    assert.match(one({ upstream: 'app', request: { set: { Host: 'x' } } }), /is set by rewrite\.host/);
    assert.match(one({ upstream: 'app', request: { remove: ['x-forwarded-for'] } }), /written by Rampart itself/);
    assert.match(one({ upstream: 'app', response: { set: { 'transfer-encoding': 'x' } } }), /belongs to a connection/);
    assert.match(one({ upstream: 'app', response: { set: { 'x-a': 'a\r\nb: c' } } }), /one line/);
    const auth = (way: string, more: object = {}) => one({ upstream: 'app', authenticate: way, ...more });
    assert.match(auth('jwt'), /authenticate: 'jwt' needs the settings jwt, of the route or of the file/);
    const jwt = { issuer: 'i', audience: 'a' };
    assert.match(auth('jwt', { jwt }), /must have either jwksUrl or jwks/);
    assert.match(
      auth('jwt', { jwt: { ...jwt, jwksUrl: 'https://i/k', algorithms: ['HS256'] } }),
      /must be one of "RS256"/,
    );
    assert.match(
      auth('jwt', { jwt: { ...jwt, jwksUrl: 'https://i/k', claimsToHeaders: { sub: 'host' } } }),
      /is set by/,
    );
    assert.match(
      auth('basic', { basic: { users: { ann: 'secret' } } }),
      /must be a hash as `rampart password` makes it/,
    );
    assert.match(
      auth('forward', { forward: { upstream: 'b', path: '/v' } }),
      /forward\.upstream: there is no upstream 'b'/,
    );
    assert.match(one({ upstream: 'app', cors: { origins: '*', credentials: true } }), /must name its origins/);
  });

  test('a route that could never be reached, and a backend that is there twice, are refused', () => {
    const upstreams = { app: { backends: ['http://a:1'] } };
    const route = { endpoint: 'x', path: '/x', upstream: 'app' };
    const two = (more: object) => problems({ upstreams, routes: [route, { ...route, endpoint: 'y', ...more }] }).join();
    assert.match(two({}), /routes\.1\.path: '\/x' is served by routes\.0 already/);
    assert.equal(two({ path: '/y' }), '');
    assert.equal(two({ path: '/x/*' }), '');
    assert.match(problems({ upstreams, routes: [{ ...route, path: '/healthz' }] }).join(), /served by Rampart itself/);
    assert.match(problems({ upstreams, routes: [{ ...route, path: '/x*' }] }).join(), /may end in/);
    assert.match(
      problems({ upstreams: { app: { backends: ['http://a:1', 'http://a:1/'] } } }).join(),
      /http:\/\/a:1 is there twice/,
    );
  });

  test('a file without a default export is refused', () => {
    assert.match(problems(undefined).join(), /the default export/);
  });
});

describe('upstreams', () => {
  const problemsOf = (app: object): string =>
    referenceProblems(fileSchema.parse({ upstreams: { app } }), 'f').join('\n');

  test('list backends or discover them', () => {
    const backends = ['http://127.0.0.1:1'];
    const discover = { dns: 'app.internal', port: 80 };
    assert.match(problemsOf({}), /^f: upstreams\.app\.backends: has no entry/);
    assert.match(problemsOf({ backends, discover }), /app\.discover: there are backends, too/);
    assert.match(problemsOf({ discover, backup: backends }), /backup and drained are for backends that are listed/);
    assert.equal(problemsOf({ discover, reserved: 5 }), '');
    assert.match(problemsOf({ backends, cap: 4, reserved: 4 }), /it has 4 permits: got 4/);
    for (const wrong of [
      { dns: 'a' },
      { srv: 'a', port: 1 },
      { dns: '10.0.0.1', port: 1 },
      { dns: 'a', port: 1, servers: ['x'] },
      { dns: 'a', port: 'http' },
      { dns: 'a', port: 1, namespace: 'shop' },
      { endpointSlices: 'App' },
      { endpointSlices: 'app', port: 'Http!' },
      { endpointSlices: 'app', scheme: 'https' },
      { endpointSlices: 'app', dns: 'a', srv: 'b', port: 1 },
      { endpointSlices: 'app', dns: 'a', port: 'http' },
      { endpointSlices: 'app', api: 'http://user:secret@127.0.0.1:8001' },
      { endpointSlices: 'app', api: 'ftp://127.0.0.1' },
    ])
      assert.ok(!fileSchema.safeParse({ upstreams: { app: { discover: wrong } } }).success, JSON.stringify(wrong));
    const fine = { dns: 'a.b', port: 1, servers: ['10.0.0.53', '[::1]:53', '::1', '127.0.0.1:5353'] };
    assert.equal(problemsOf({ discover: fine }), '');
    for (const right of [
      { endpointSlices: 'app' },
      { endpointSlices: 'app', namespace: 'shop', port: 'http', scheme: 'https', srv: '_http._tcp.app' },
      { endpointSlices: 'app', port: 3000, dns: 'app.shop.svc.cluster.local', api: 'http://127.0.0.1:8001' },
    ])
      assert.equal(problemsOf({ discover: right }), '');
  });
});
