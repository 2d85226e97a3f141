import type { RouteConfig } from '../../config/model.ts';
import { CorsPolicy } from '../../policy/routing/cors.ts';
import { dropLines, headerChange } from '../http/header-rules.ts';
import type { ReplyChange } from '../http/reply-change.ts';
import { fieldValue } from '../http/request-fields.ts';

/** How a route changes the header lines of its replies; undefined if it does not. */
export function replyChange({ response, cors }: RouteConfig): ReplyChange | undefined {
  const rules = response === undefined ? undefined : headerChange(response);
  if (cors === undefined) return rules;
  const policy = new CorsPolicy(cors);
  return (lines, head) => {
    rules?.(lines);
    const origin = fieldValue(head, 'origin');
    dropLines(lines, ofTheBackend);
    if (policy.dependsOnOrigin) lines.push('vary', 'origin');
    if (origin !== undefined && policy.allows(origin)) lines.push(...policy.replyLines(origin));
  };
}

/** The gate answers for the route, so a backend's own answers would contradict it. */
const ofTheBackend: ReadonlySet<string> = new Set([
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
]);
