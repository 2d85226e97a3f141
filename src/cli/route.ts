import { loadConfig } from '../config/config.ts';
import { ownEndpoints, ownRouteRules } from '../config/own-routes.ts';
import { rulesOf } from '../config/route-rules.ts';
import type { Config, RouteConfig } from '../config/model.ts';
import { UsageError } from '../core/errors.ts';
import { canonicalHost } from '../core/host.ts';
import { compareRules, reasonAgainst, type RouteRule } from '../policy/routing/route-matcher.ts';
import { hostName, hostText } from '../policy/routing/host-pattern.ts';
import { pathPattern } from '../policy/routing/path-pattern.ts';
import type { RoutedRequest } from '../policy/routing/route-conditions.ts';
import { pathRewrite } from '../policy/routing/path-rewrite.ts';
import { redirectTarget } from '../policy/routing/redirect-target.ts';
import { pathForm } from '../gateway/http/path-form.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';

const help = `usage: rampart route 'GET https://shop.example/path?query' ['name: value'…] [--json]

Says which route of the configuration answers a request, and why each other one does not. The header fields of the
request follow it, each as 'name: value'. Exit code 0 if a route answers, 1 if none does.
`;

/** A route of Rampart's own, or one of the file. */
type Target = { readonly endpoint: string; readonly config?: RouteConfig };

/** `rampart route`. */
export async function route(args: string[], io: CommandIo): Promise<number> {
  const operands = { least: 1, most: 50, what: "a request such as 'GET https://shop.example/a?b', then header fields" };
  const options = readOptions({ command: 'route', help, options: { json: 'flag' }, operands }, args, io);
  if (options === undefined) return exitCodes.ok;
  const [text = '', ...fields] = options.operands;
  const request = requestOf(text, fields);
  const config = await loadConfig(io.env, io.folder, 'find the route');
  if (pathForm(request.path) === 'refused') {
    io.stderr.write(`rampart: ${request.path} gets 400 on every route: it has dot segments, or an invalid encoding\n`);
    return exitCodes.failed;
  }
  const found = explain(config, request);
  io.stdout.write(options.flag('json') ? `${JSON.stringify(found, undefined, 2)}\n` : textOf(found));
  return found.answer === undefined ? exitCodes.failed : exitCodes.ok;
}

interface Explanation {
  readonly answer: { readonly endpoint: string; readonly takes: string; readonly does: string } | undefined;
  /** In the order in which they are asked. */
  readonly others: readonly { readonly endpoint: string; readonly takes: string; readonly why: string }[];
}

function explain(config: Config, request: RoutedRequest): Explanation {
  const own = ownRouteRules(config).map((rule) => ({ ...rule, target: { endpoint: rule.target } }));
  const configured = config.routes.flatMap((one) => rulesOf<Target>(one, { endpoint: one.endpoint, config: one }));
  const rules: RouteRule<Target>[] = [...own, ...configured].toSorted(compareRules);
  const answering = rules.find((rule) => reasonAgainst(rule, request) === undefined);
  const others = rules
    .filter((rule) => rule !== answering)
    .map((rule) => ({
      endpoint: rule.target.endpoint,
      takes: takesOf(rule),
      why: reasonAgainst(rule, request) ?? `${answering?.target.endpoint} is asked before it`,
    }));
  if (answering === undefined) return { answer: undefined, others };
  return {
    answer: { endpoint: answering.target.endpoint, takes: takesOf(answering), does: doesOf(answering, request) },
    others,
  };
}

function takesOf({ host, path, methods }: RouteRule<Target>): string {
  const place = host.kind === 'any' ? path.text : `${hostText(host)}${path.text}`;
  return methods === undefined ? place : `${methods.join(',')} ${place}`;
}

const ways = {
  key: 'a key',
  jwt: 'a token',
  basic: 'a password',
  forward: 'forward auth',
  certificate: 'a client certificate',
} as const;

/** What happens to a request of a route. */
function doesOf({ target: { config }, path }: RouteRule<Target>, request: RoutedRequest): string {
  if (config === undefined) return 'Rampart itself answers';
  const { redirect, static: reply, upstream, rewrite, authentication } = config;
  const key = authentication === 'none' ? 'without a key' : `with ${ways[authentication]}`;
  const values = valuesIn(path.text, request.path);
  if (redirect !== undefined) {
    const { path: received, query } = request;
    const location = redirectTarget(
      redirect,
      path,
    )({ hostName: hostName(request.host), path: received, query, values });
    return `redirect ${redirect.status} to ${location}, ${key}`;
  }
  if (reply !== undefined) return `a text with status ${reply.status}, ${key}`;
  const made = rewrite === undefined ? undefined : pathRewrite(rewrite, path);
  const target = made === undefined ? request.path : made(request.path, values);
  const host = rewrite?.host === undefined ? '' : ` at host ${rewrite.host}`;
  const names = upstream ?? config.upstreams?.map((side) => `${side.upstream} (${side.weight})`).join(' or ');
  return `upstream ${names} gets ${target}${request.query}${host}, ${key}`;
}

function valuesIn(pattern: string, path: string): string[] {
  const segments = path.slice(1).split('/');
  return pathPattern(pattern).segments.flatMap(({ kind }, index) =>
    kind === 'parameter' ? [segments[index] ?? ''] : [],
  );
}

function textOf({ answer, others }: Explanation): string {
  const head =
    answer === undefined
      ? `No route answers: ${others.some(({ why }) => why.startsWith('it takes ')) ? '405' : '404'}\n`
      : `${answer.endpoint} answers (${answer.takes}): ${answer.does}\n`;
  // Rampart's own routes are worth a line only where they come near.
  const shown = others.filter(({ endpoint, why }) => !ownEndpoints.includes(endpoint) || !why.startsWith('its '));
  const width = Math.max(0, ...shown.map(({ endpoint }) => endpoint.length)) + 2;
  const takes = Math.min(40, Math.max(0, ...shown.map((one) => one.takes.length)) + 2);
  const lines = shown.map((one) => `  ${one.endpoint.padEnd(width)}${one.takes.padEnd(takes)}${one.why}\n`);
  return lines.length === 0 ? head : `${head}\nOther routes, in the order in which they are asked:\n${lines.join('')}`;
}

function requestOf(text: string, fields: readonly string[]): RoutedRequest {
  const [, method = 'GET', url = ''] = /^(?:([A-Z]+)\s+)?(\S+)$/.exec(text.trim()) ?? [];
  const parsed = URL.parse(url.startsWith('/') ? `http://localhost${url}` : url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new UsageError(
      `Cannot find the route as the request must be such as 'GET https://shop.example/a?b': got '${text}'`,
    );
  }
  const headers = new Map(fields.map((field) => fieldOf(field)));
  const path = /^(?:https?:\/\/[^/?#]*)?([^?#]*)/i.exec(url)?.[1] ?? '/';
  const scheme = parsed.protocol === 'https:' ? 'https' : 'http';
  return {
    method,
    host: canonicalHost(url.startsWith('/') ? (headers.get('host') ?? '') : parsed.host),
    // As written: URL.parse would resolve dot segments, which the gateway refuses.
    path: path === '' ? '/' : path,
    query: parsed.search,
    scheme,
    headerOf: (name) => headers.get(name),
  };
}

function fieldOf(text: string): [string, string] {
  const [, name, value] = /^([^\s:]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new UsageError(`Cannot find the route as a header field must be such as 'x-version: 2': got '${text}'`);
  return [name.toLowerCase(), value];
}
