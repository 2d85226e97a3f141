import type { RouteConfig } from '../../config/model.ts';
import type { AddressSet } from '../../core/addresses.ts';
import { pathPattern } from '../../policy/routing/path-pattern.ts';
import { pathRewrite } from '../../policy/routing/path-rewrite.ts';
import type { Exchange } from '../exchange.ts';
import { dropLines, headerChange } from '../http/header-rules.ts';
import { requestHeaders } from '../http/request-headers.ts';

/** What a backend gets of a request: its target and its header lines, with the changes of the route. */
export interface ToBackend {
  /** Path and query. */
  target(x: Exchange): string;
  /** Name, value, name, value. */
  headers(x: Exchange): string[];
}

/** `identity`: the fields that tell who the client is. They must come from its authentication, never from the client. */
export function toBackend(
  config: RouteConfig,
  trustedProxies: AddressSet,
  identity: ReadonlySet<string> = none,
): ToBackend {
  const { rewrite, request } = config;
  const path = rewrite === undefined ? undefined : pathRewrite(rewrite, pathPattern(config.path));
  const fixed = fixedLines(config);
  const rules = request === undefined ? undefined : headerChange(request);
  const changes = [fixed, rules].filter((change) => change !== undefined);
  const headers = (x: Exchange): string[] => requestHeaders(x, trustedProxies);
  return {
    target: path === undefined ? receivedTarget : ({ head, pathValues }) => path(head.path, pathValues) + head.query,
    headers:
      changes.length === 0 && identity.size === 0
        ? headers
        : (x) => {
            const lines = headers(x);
            if (identity.size > 0) dropLines(lines, identity);
            if (x.key?.headers !== undefined) lines.push(...x.key.headers);
            for (const change of changes) change(lines);
            return lines;
          },
  };
}

const none: ReadonlySet<string> = new Set();

const receivedTarget = ({ head }: Exchange): string => head.path + head.query;

/** The Host that the route sets, and the prefix that a backend cannot know any more. */
function fixedLines({ rewrite }: RouteConfig): ReturnType<typeof headerChange> {
  const { host, stripPrefix } = rewrite ?? {};
  const set = { ...(host && { host }), ...(stripPrefix && { 'x-forwarded-prefix': stripPrefix }) };
  return headerChange({ set, add: {}, remove: [] });
}
