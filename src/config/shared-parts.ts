import { isDeepStrictEqual } from 'node:util';
import type { Config } from './model.ts';

/**
 * The next configuration, with the objects of the previous one for the routes and upstreams that are equal. So `===`
 * says whether one has changed, and many versions in memory take the space of their differences.
 */
export function withSharedParts(next: Config, previous: Config): Config {
  return Object.freeze({
    ...next,
    upstreams: Object.freeze(
      next.upstreams.map((upstream) => {
        const known = previous.upstreams.find(({ name }) => name === upstream.name);
        // Control tells which backends have announced themselves; the rest is set by the environment.
        if (known?.isAnnounced === true && upstream.isAnnounced) return known;
        return isDeepStrictEqual(known, upstream) ? (known as typeof upstream) : upstream;
      }),
    ),
    routes: Object.freeze(shareRoutes(next.routes, previous.routes)),
  });
}

function shareRoutes(next: Config['routes'], previous: Config['routes']): Config['routes'] {
  const byEndpoint = new Map(previous.map((route) => [route.endpoint, route]));
  return next.map((route) => {
    const known = byEndpoint.get(route.endpoint);
    return known !== undefined && isDeepStrictEqual(known, route) ? known : route;
  });
}
