import { identityNames } from '../../config/identity-names.ts';
import type { Config, RouteConfig } from '../../config/model.ts';
import type { Route } from './route.ts';

interface Known {
  readonly config: RouteConfig;
  readonly route: Route;
}

/**
 * The routes of one configuration, for the next one: a route keeps its object, and the state in it, if neither its own
 * settings nor those of any upstream have changed, and the fields are the same that tell who the client is. Settings are compared by identity (`withSharedParts`).
 */
export class RouteReuse {
  readonly #config: Config;
  readonly #previous: RouteReuse | undefined;
  readonly #known = new Map<string, Known>();
  readonly #parts = new Map<string, unknown>();
  /** The fields by which any route tells its backends who the client is. */
  readonly identity: ReadonlySet<string>;

  constructor(config: Config, previous?: RouteReuse) {
    this.#config = config;
    this.identity = identityNames(config.routes);
    // Without its own predecessor, or all versions would stay in memory.
    this.#previous = previous;
  }

  of(config: RouteConfig, make: () => Route): Route {
    const known = this.#previous?.find(config, this.#config, this.identity);
    const route = known ?? make();
    this.#known.set(config.endpoint, { config, route });
    return route;
  }

  /** A part of the routes, such as an authenticator. `name`: names its kind and all of its settings. */
  part<Part>(name: string, make: () => Part): Part {
    const part = (this.partOf(name) ?? this.#previous?.partOf(name) ?? make()) as Part;
    this.#parts.set(name, part);
    return part;
  }

  partOf(name: string): unknown {
    return this.#parts.get(name);
  }

  find(config: RouteConfig, { upstreams }: Config, identity: ReadonlySet<string>): Route | undefined {
    if (identity.symmetricDifference(this.identity).size > 0) return undefined;
    const known = this.#known.get(config.endpoint);
    if (known?.config !== config) return undefined;
    const named = namesIn(config);
    const isSame = this.#config.upstreams.every((one) => !named.has(one.name) || upstreams.includes(one));
    return isSame ? known.route : undefined;
  }

  /** The routes are built: their predecessors are needed no more. */
  withoutPrevious(): RouteReuse {
    const alone = new RouteReuse(this.#config);
    for (const [endpoint, known] of this.#known) alone.#known.set(endpoint, known);
    for (const [name, part] of this.#parts) alone.#parts.set(name, part);
    return alone;
  }
}

/** Every text in the settings of a route, the names of its upstreams among them. */
function namesIn(value: unknown, found = new Set<string>()): ReadonlySet<string> {
  if (typeof value === 'string') found.add(value);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      found.add(name);
      namesIn(inner, found);
    }
  }
  return found;
}
