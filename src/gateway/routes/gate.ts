import { AddressSet } from '../../core/addresses.ts';
import type { RouteConfig } from '../../config/model.ts';
import { CorsPolicy } from '../../policy/routing/cors.ts';
import type { Exchange } from '../exchange.ts';
import { clientAddress } from '../http/client-network.ts';
import { fieldValue } from '../http/request-fields.ts';
import { Refusal } from '../refusal.ts';
import type { RouteGate } from './route.ts';

/** The gate of a route; undefined if everyone may use it from everywhere. */
export function routeGate(config: RouteConfig, trustedProxies: AddressSet): RouteGate | undefined {
  const { allow, deny, cors } = config;
  if (allow === undefined && deny === undefined && cors === undefined) return undefined;
  const allowed = allow === undefined ? undefined : new AddressSet(allow);
  const denied = deny === undefined ? undefined : new AddressSet(deny);
  const policy = cors === undefined ? undefined : new CorsPolicy({ ...cors, methods: cors.methods ?? config.methods });
  return {
    check(x) {
      if (allowed !== undefined || denied !== undefined) {
        const address = clientAddress(x.request.peerAddress, x.head, trustedProxies);
        if (denied?.has(address) === true || allowed?.has(address) === false) return wrongAddress;
      }
      return policy !== undefined && x.request.method === 'OPTIONS' ? answerPreflight(x, policy) : undefined;
    },
  };
}

const wrongAddress = new Refusal('forbidden', 'the route may not be used from this address');

/** True if the request was a preflight, which has been answered. */
function answerPreflight(x: Exchange, policy: CorsPolicy): Refusal | true | undefined {
  const origin = fieldValue(x.head, 'origin');
  const method = fieldValue(x.head, 'access-control-request-method');
  if (origin === undefined || method === undefined) return undefined;
  const lines = policy.preflight({ origin, method, headers: fieldValue(x.head, 'access-control-request-headers') });
  if (typeof lines === 'string') return new Refusal('forbidden', lines);
  lines.push('vary', 'origin, access-control-request-method, access-control-request-headers');
  // The lines are complete, and each may be there only once.
  x.replyChange = undefined;
  x.respond(204, lines, '');
  return true;
}
