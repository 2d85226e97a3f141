import type { ReplyCheck } from '../../policy/slo/slo.ts';
import { seededRandom } from '../../core/random.ts';

/** A kind of request of a mix. In path and body, `{{n}}` is the request's number and `{{column}}` a value of its row. */
export interface EndpointLoad {
  /** The name of the route, which reports use. */
  readonly endpoint: string;
  /** How often it comes, compared with the others. */
  readonly weight: number;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly expect?: ReplyCheck;
}

/** The requests to send, as data, so that other processes can send the same. */
export interface Mix {
  readonly endpoints: readonly EndpointLoad[];
  /** The headers of every request, the key among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Rows of data, taken in turn. */
  readonly rows: readonly Readonly<Record<string, string>>[];
  readonly seed: number;
}

export interface MixedRequest {
  /** Index in the mix. */
  readonly endpoint: number;
  readonly method: EndpointLoad['method'];
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly expect?: ReplyCheck;
}

/** The request with this number: always the same one, whichever process asks. */
export function requestOf(mix: Mix, number: number): MixedRequest {
  const endpoint = pick(mix, number);
  const load = mix.endpoints[endpoint] as EndpointLoad;
  const row = mix.rows.length === 0 ? {} : (mix.rows[number % mix.rows.length] ?? {});
  const values = { ...row, n: String(number) };
  return {
    endpoint,
    method: load.method,
    path: filled(load.path, values, encodeURIComponent),
    headers: { ...mix.headers, ...load.headers },
    body: load.body === undefined ? null : filled(load.body, values, (text) => JSON.stringify(text).slice(1, -1)),
    ...(load.expect === undefined ? {} : { expect: load.expect }),
  };
}

function pick({ endpoints, seed }: Mix, number: number): number {
  if (endpoints.length === 1) return 0;
  const total = endpoints.reduce((sum, { weight }) => sum + weight, 0);
  // Far apart, as neighbouring seeds of mulberry32 give sequences that are alike at their beginning.
  let rest = seededRandom(Math.imul(seed ^ number, 0x9e3779b1))() * total;
  for (const [index, { weight }] of endpoints.entries()) {
    rest -= weight;
    if (rest < 0) return index;
  }
  return endpoints.length - 1;
}

/** A template with its `{{names}}` replaced. */
export function filled(
  template: string,
  values: Readonly<Record<string, string>>,
  escape: (text: string) => string,
): string {
  if (!template.includes('{{')) return template;
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => escape(values[name] ?? ''));
}
