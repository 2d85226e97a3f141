import type { EndpointSlo, Slo } from '../../policy/slo/slo.ts';
import type { EndpointLoad, Mix } from '../load/mix.ts';
import type { System } from '../system/system.ts';
import { createBarcodeMix } from './barcode-mix.ts';
import { logIn } from './login.ts';
import { recordedBarcode } from './profiles.ts';
import type { LabContext } from './step.ts';

/** An SLO file with the rows of its data file. */
export interface LoadedSlo {
  readonly slo: Slo;
  readonly rows: Mix['rows'];
}

type KnownRequest = Omit<EndpointLoad, 'endpoint' | 'weight'>;

/** Requests of Rampart's own endpoints; `id` is that of a barcode that is there. */
function knownRequests(id: string): Readonly<Record<string, KnownRequest>> {
  const createBarcode = createBarcodeMix('').endpoints[0] as EndpointLoad;
  const get = (path: string): KnownRequest => ({ method: 'GET', path });
  return {
    createBarcode,
    renderBarcode: get('/v1/render/qrcode?text=https%3A%2F%2Fexample.com%2Fitem%2F{{n}}'),
    getBarcode: get(`/v1/barcodes/${id}`),
    getBarcodeImage: get(`/v1/barcodes/${id}/image`),
    listBarcodes: get('/v1/barcodes?page_size=20'),
    health: get('/healthz'),
    ready: get('/readyz'),
  };
}

const readers: ReadonlySet<string> = new Set(['getBarcode', 'getBarcodeImage']);

/** The reasons why no mix can be made of the file, for its author; empty if one can be made. */
export function mixProblems({ endpoints }: Slo): string[] {
  const known = knownRequests('');
  const loaded = endpoints.filter(({ weight }) => weight > 0);
  if (loaded.length === 0) return ['no endpoint has load: { weight: … } above 0, so there is nothing to send'];
  return loaded
    .filter(({ id, request }) => request === undefined && !Object.hasOwn(known, id))
    .map(({ id }) => `${id} needs a request: the lab knows those of ${Object.keys(known).join(', ')} only`);
}

/** Whether nothing of the mix is an endpoint of Rampart's own, so that no key of Rampart's is needed. */
export const hasOwnRequests = ({ endpoints }: Slo): boolean =>
  endpoints.every(({ weight, request }) => weight === 0 || request !== undefined);

/** The endpoints that have a weight in the file, in proportion to it. If one of them reads a barcode, a barcode is created first. */
export async function sloMix({ slo, rows }: LoadedSlo, system: System, context: LabContext): Promise<Mix> {
  const loaded = slo.endpoints.filter(({ weight }) => weight > 0);
  const reads = loaded.some(({ id, request }) => request === undefined && readers.has(id));
  const known = knownRequests(reads ? await recordedBarcode(system, context) : '');
  const { headers, seed } = createBarcodeMix(system.key);
  const token = slo.login === undefined ? {} : await logIn(system, slo.login);
  const endpoints = loaded.map((endpoint) => loadOf(endpoint, known));
  return { endpoints, headers: { ...headers, ...token }, rows, seed };
}

function loadOf({ id, weight, request }: EndpointSlo, known: Readonly<Record<string, KnownRequest>>): EndpointLoad {
  if (request === undefined) return { ...(known[id] as KnownRequest), endpoint: id, weight };
  const { method, path, body, expect } = request;
  // In lower case, because the headers of the file replace those of all requests, which are in lower case.
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return {
    endpoint: id,
    weight,
    method,
    path,
    headers,
    ...(body === undefined ? {} : { body }),
    ...(expect === undefined ? {} : { expect }),
  };
}

/** For the head of a report. */
export function describeMix({ endpoints }: Mix): string {
  const total = endpoints.reduce((sum, { weight }) => sum + weight, 0);
  if (endpoints.length === 1 && endpoints[0]?.endpoint === 'createBarcode') {
    return 'createBarcode (POST /v1/barcodes), each text once';
  }
  return endpoints.map(({ endpoint, weight }) => `${endpoint} ${Math.round((weight / total) * 100)} %`).join(', ');
}
