/** Which pages of other origins may use a route (the CORS protocol of the Fetch standard). */
export interface CorsRules {
  readonly origins: '*' | readonly string[];
  /** Undefined: every method that a preflight asks for. */
  readonly methods: readonly string[] | undefined;
  readonly headers: '*' | readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
}

export interface Preflight {
  readonly origin: string;
  readonly method: string;
  /** `Access-Control-Request-Headers`. */
  readonly headers: string | undefined;
}

/** Decides what pages of other origins may do with one route. */
export class CorsPolicy {
  readonly #rules: CorsRules;
  readonly #exact: ReadonlySet<string>;
  /** Scheme and parent of `https://*.parent`. */
  readonly #wildcards: readonly { readonly scheme: string; readonly parent: string }[];
  readonly #allowHeaders: ReadonlySet<string>;
  readonly #exposed: string;

  constructor(rules: CorsRules) {
    this.#rules = rules;
    const origins = rules.origins === '*' ? [] : rules.origins.map((origin) => origin.toLowerCase());
    this.#exact = new Set(origins.filter((origin) => !origin.includes('//*.')));
    this.#wildcards = origins
      .filter((origin) => origin.includes('//*.'))
      .map((origin) => {
        const [scheme = '', parent = ''] = origin.split('//*.');
        return { scheme: `${scheme}//`, parent: `.${parent}` };
      });
    this.#allowHeaders = new Set(rules.headers === '*' ? [] : rules.headers.map((name) => name.toLowerCase()));
    this.#exposed = rules.exposeHeaders.join(', ');
  }

  /** Whether replies differ by the Origin of the request. */
  get dependsOnOrigin(): boolean {
    return this.#rules.origins !== '*';
  }

  allows(origin: string): boolean {
    if (this.#rules.origins === '*') return true;
    const text = origin.toLowerCase();
    return this.#exact.has(text) || this.#wildcards.some(({ scheme, parent }) => isBelow(text, scheme, parent));
  }

  /** The header lines of a reply to a page of an allowed origin. */
  replyLines(origin: string): string[] {
    const { origins, credentials } = this.#rules;
    const lines = ['access-control-allow-origin', origins === '*' ? '*' : origin];
    if (credentials) lines.push('access-control-allow-credentials', 'true');
    if (this.#exposed !== '') lines.push('access-control-expose-headers', this.#exposed);
    return lines;
  }

  /** The header lines that answer a preflight; a text that says why not if it is refused. */
  preflight({ origin, method, headers }: Preflight): string[] | string {
    const { methods, maxAgeSeconds } = this.#rules;
    if (!this.allows(origin)) return 'pages of this origin may not use the route';
    if (methods !== undefined && !methods.includes(method))
      return `pages of other origins may use ${methods.join(', ')} here`;
    const asked = (headers ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== '');
    const refused = asked.find(
      (name) => !isToken(name) || (this.#rules.headers !== '*' && !this.#allowHeaders.has(name)),
    );
    if (refused !== undefined)
      return `pages of other origins may not send the header ${JSON.stringify(refused.slice(0, 80))}`;
    const lines = this.replyLines(origin);
    lines.push('access-control-allow-methods', (methods ?? [method]).join(', '));
    if (asked.length > 0) lines.push('access-control-allow-headers', asked.join(', '));
    lines.push('access-control-max-age', String(maxAgeSeconds));
    return lines;
  }
}

/** One label in front of the parent, and no more. */
function isBelow(origin: string, scheme: string, parent: string): boolean {
  if (!origin.startsWith(scheme) || !origin.endsWith(parent)) return false;
  const label = origin.slice(scheme.length, origin.length - parent.length);
  return label !== '' && /^[a-z0-9-]+$/.test(label);
}

const isToken = (text: string): boolean => /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/.test(text);
