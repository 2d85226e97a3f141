// npm run bench -- routes: what each feature of a route costs a request, alone.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { AddressSet } from '../../src/core/addresses.ts';
import { systemClock } from '../../src/core/clock.ts';
import { buildConfig } from '../../src/config/config.ts';
import { parseEnvironment } from '../../src/config/environment.ts';
import { parseConfigFile } from '../../src/config/file.ts';
import type { ConfigFile } from '../../src/config/file-schema.ts';
import type { RouteConfig } from '../../src/config/model.ts';
import { rulesOf } from '../../src/config/route-rules.ts';
import { JwtAuthenticator } from '../../src/gateway/auth/jwt-authenticator.ts';
import { fixedKeys } from '../../src/gateway/auth/key-set.ts';
import { Exchange } from '../../src/gateway/exchange.ts';
import { readHead, type RequestHead } from '../../src/gateway/http/request-head.ts';
import { requestHeaders } from '../../src/gateway/http/request-headers.ts';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { Router } from '../../src/gateway/router.ts';
import { routeGate } from '../../src/gateway/routes/gate.ts';
import { replyChange } from '../../src/gateway/routes/reply-changes.ts';
import { requestPartOf } from '../../src/gateway/routes/request-part.ts';
import type { Route } from '../../src/gateway/routes/route.ts';
import { toBackend } from '../../src/gateway/routes/to-backend.ts';
import { median } from '../../src/lab/statistics/quantile.ts';
import { Registry } from '../../src/metrics/instruments.ts';
import { Split } from '../../src/policy/routing/split.ts';
import { MemoryClient } from '../../test/support/memory-client.ts';

const CALLS = 200_000;
const ROUNDS = 9;
const trusted = new AddressSet([]);

export interface RouteCost {
  readonly name: string;
  readonly microseconds: number;
}

type RouteFile = NonNullable<ConfigFile['routes']>[number];

const upstreams = { app: { backends: ['http://127.0.0.1:1'] } };

/** Routes as a worker gets them. */
function routesOf(routes: RouteFile[]): readonly RouteConfig[] {
  const { file, problems } = parseConfigFile({ upstreams, routes }, 'bench');
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return buildConfig(parseEnvironment({}).values, file, '/', new Set()).routes;
}

const oneRoute = (settings: Partial<RouteFile>): RouteConfig =>
  routesOf([{ endpoint: 'app', path: '/shop/:id/*', upstream: 'app', ...settings }])[0] as RouteConfig;

function requestOf(target: string, host = 'shop.example', more: readonly string[] = []): Exchange {
  const sent = {
    host,
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)',
    accept: 'text/html',
    'accept-encoding': 'gzip, br',
    'accept-language': 'en',
    cookie: 'a=1; session=abcdef; theme=dark',
    origin: 'https://shop.example',
    'x-a': '1',
    'x-b': '2',
    'x-c': '3',
  };
  const headerLines = [...Object.entries(sent).flat(), ...more];
  const client = new MemoryClient({ target, headerLines, version: '1.1', peerAddress: '192.0.2.7' });
  const unmatched = new GatewayMetrics(new Registry()).endpoint('unmatched');
  const x = new Exchange(client, 0, {
    unmatched,
    trustedProxies: trusted,
    viaName: '',
    serverTiming: false,
    ended() {},
  });
  x.head = readHead(client) as RequestHead;
  x.id = '0'.repeat(32);
  x.pathValues = ['7'];
  return x;
}

/** Processor microseconds of one call, the median of rounds. */
function measure(call: (index: number) => unknown): number {
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let index = 0; index < CALLS; index++) call(index);
    const { user, system } = process.cpuUsage(before);
    samples.push((user + system) / CALLS);
  }
  return median(samples);
}

function thousandRoutes(): RouteFile[] {
  return Array.from({ length: 1000 }, (_, index) => ({
    endpoint: `r${index}`,
    ...(index % 4 === 0 && { host: `h${index}.example` }),
    path: [`/a${index}/items`, `/b${index}/:id`, `/c${index}/:id/x/*`, `/d${index}/*`][index % 4] as string,
    upstream: 'app',
  }));
}

function benchMatching(): RouteCost[] {
  const routerOf = (routes: readonly RouteConfig[]): Router =>
    new Router(routes.flatMap((config) => rulesOf(config, { config } as unknown as Route)));
  const many = routerOf(routesOf(thousandRoutes()));
  const one = routerOf(routesOf([{ endpoint: 'all', path: '/*', upstream: 'app' }]));
  const find = (router: Router, x: Exchange) => () => router.find('GET', x.head, 'http');
  const conditional = routerOf(
    routesOf([
      { endpoint: 'beta', path: '/x', headers: { 'x-c': '4' }, query: { v: '2' }, upstream: 'app' },
      { endpoint: 'plain', path: '/x', upstream: 'app' },
    ]),
  );
  return [
    { name: 'matching: the only route, /*', microseconds: measure(find(one, requestOf('/some/path?q=1'))) },
    {
      name: 'matching: a host and a literal path of 1,000 routes',
      microseconds: measure(find(many, requestOf('/a0/items', 'h0.example'))),
    },
    { name: 'matching: a parameter of 1,000 routes', microseconds: measure(find(many, requestOf('/b501/7'))) },
    {
      name: 'matching: a parameter and a rest of 1,000 routes',
      microseconds: measure(find(many, requestOf('/c502/7/x/y'))),
    },
    {
      name: 'matching: past a route by header and query',
      microseconds: measure(find(conditional, requestOf('/x?a=1&v=3'))),
    },
  ];
}

function benchChanges(): RouteCost[] {
  const x = requestOf('/shop/7/a/b?q=1');
  const rewriting = toBackend(oneRoute({ rewrite: { path: '/v2/:id/*' } }), trusted);
  const ruled = toBackend(oneRoute({ request: { set: { 'x-a': '9', 'x-d': '1' }, remove: ['x-b'] } }), trusted);
  const plain = measure(() => requestHeaders(x, trusted));
  const lines = (): string[] => ['content-type', 'text/html', 'server', 'x', 'etag', '"1"', 'vary', 'accept'];
  const response = replyChange(
    oneRoute({ response: { set: { 'strict-transport-security': 'max-age=1' }, remove: ['server'] } }),
  );
  const cors = replyChange(oneRoute({ cors: { origins: ['https://shop.example'] } }));
  const linesAlone = measure(lines);
  return [
    { name: 'rewriting a path by template', microseconds: measure(() => rewriting.target(x)) },
    {
      name: 'header rules of the request: two set, one removed',
      microseconds: measure(() => ruled.headers(x)) - plain,
    },
    {
      name: 'header rules of the reply: one set, one removed',
      microseconds: measure(() => response?.(lines(), x.head)) - linesAlone,
    },
    { name: 'CORS of a reply', microseconds: measure(() => cors?.(lines(), x.head)) - linesAlone },
  ];
}

function benchAccess(): RouteCost[] {
  const x = requestOf('/shop/7/a');
  const ranges = Array.from({ length: 100 }, (_, index) => `10.${index}.0.0/16`);
  const gate = routeGate(oneRoute({ allow: ['192.0.2.0/24'], deny: ranges }), trusted);
  const split = new Split([
    { target: 1, weight: 95 },
    { target: 2, weight: 5 },
  ]);
  const byKey = requestPartOf('key', trusted, Math.random);
  const byCookie = requestPartOf('cookie:session', trusted, Math.random);
  return [
    { name: 'allow and deny, 101 ranges', microseconds: measure(() => gate?.check(x)) },
    { name: 'weights, by the client’s address', microseconds: measure(() => split.of(byKey(x))) },
    { name: 'weights, by a cookie', microseconds: measure(() => split.of(byCookie(x))) },
  ];
}

/** Verified tokens, as they come again with each request of a client. */
async function benchTokens(): Promise<RouteCost> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kty: 'EC', alg: 'ES256' }] };
  const route = oneRoute({ authenticate: 'jwt', jwt: { issuer: 'i', audience: 'a', jwks } });
  if (route.jwt === undefined) throw new Error('the route has no settings of tokens');
  const authenticator = new JwtAuthenticator(route.jwt, {
    clock: systemClock,
    mayVerify: () => undefined,
    keys: fixedKeys(jwks, () => {}),
  });
  const requests: Exchange[] = [];
  for (let client = 0; client < 1000; client++) {
    const token = await new SignJWT({ sub: `user-${client}`, scope: 'read write', name: 'x'.repeat(200) })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('i')
      .setAudience('a')
      .setExpirationTime('1h')
      .sign(privateKey);
    const x = requestOf('/shop/7/a', 'shop.example', ['authorization', `Bearer ${token}`]);
    await authenticator.identify(x);
    requests.push(x);
  }
  return {
    name: 'a token that is known, of 1,000 clients',
    microseconds: measure((index) => authenticator.identify(requests[index % 1000] as Exchange)),
  };
}

/** What each feature costs a request of a route that uses it. */
export async function benchRoutes(): Promise<RouteCost[]> {
  return [...benchMatching(), ...benchChanges(), ...benchAccess(), await benchTokens()];
}

export function routesTable(costs: readonly RouteCost[]): string {
  const rows = costs.map(({ name, microseconds }) => `| ${name} | ${Math.max(0, microseconds).toFixed(2)} |`);
  return ['| feature of a route | µs of processor |', '|---|---:|', ...rows].join('\n');
}
