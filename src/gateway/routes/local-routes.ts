import type { Redirect, RouteConfig, StaticReply } from '../../config/model.ts';
import { hostName } from '../../policy/routing/host-pattern.ts';
import { pathPattern } from '../../policy/routing/path-pattern.ts';
import { redirectTarget } from '../../policy/routing/redirect-target.ts';
import { malformed } from '../http/request-head.ts';
import type { LocalRoute } from './route.ts';

type Answer = LocalRoute['answer'];

/** Answers with a redirect. */
export function redirectAnswer(redirect: Redirect, { path }: RouteConfig): Answer {
  const target = redirectTarget(redirect, pathPattern(path));
  return (x) => {
    const { host, path: received, query } = x.head;
    if (redirect.scheme !== undefined && host === '') return malformed('a redirect to https needs a Host');
    const location = target({ hostName: hostName(host), path: received, query, values: x.pathValues });
    x.respond(redirect.status, ['location', location, 'content-type', 'text/plain; charset=utf-8'], `${location}\n`);
    return undefined;
  };
}

/** Answers with a text of the configuration. */
export function staticAnswer({ status, body, contentType, retryAfterSeconds }: StaticReply): Answer {
  const isEmpty = status === 204 || status === 304;
  return (x) => {
    const headers = isEmpty ? [] : ['content-type', contentType];
    if (retryAfterSeconds !== undefined) headers.push('retry-after', String(retryAfterSeconds));
    if (status >= 500) headers.push('cache-control', 'no-store');
    x.respond(status, headers, isEmpty ? '' : body);
    return undefined;
  };
}
