// A backend that keeps when each of its requests began and ended, by the clock that all processes of this kernel share.
// GET /work?ms=250 answers after 250 ms; /stream?ms=… sends a byte each 50 ms until then. GET /page/shop gives the version of a
// page, and is not recorded. On the second port GET /records gives what has been kept, and POST /change?page=shop makes a new
// version. Usage: node recording-backend.ts ADDRESS PORT RECORDS_PORT SERVICE_MS
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { machineNowMs } from '../../../src/core/machine-time.ts';

/** [start, end or null while it is in flight, index of the client's address in `clients`] */
export type KeptRequest = [startMs: number, endMs: number | null, client: number];

export interface Kept {
  readonly clients: string[];
  readonly requests: KeptRequest[];
}

const CHUNK_EVERY_MS = 50;
const PAGES = '/page/';
/** From the look at a version to the reply, in turn: a purge may come between. */
const PAGE_DELAYS_MS = [0, 100, 400];
let pagesServed = 0;
const [address = '127.0.0.1', port = '0', recordsPort = '0', serviceMs = '100'] = process.argv.slice(2);
const kept: Kept = { clients: [], requests: [] };

function clientOf(request: IncomingMessage): number {
  const from = request.socket.remoteAddress ?? 'unknown';
  const known = kept.clients.indexOf(from);
  return known === -1 ? kept.clients.push(from) - 1 : known;
}

const versions = new Map<string, number>();
const versionOf = (page: string): number => versions.get(page) ?? 0;

function servePage(page: string, request: IncomingMessage, response: ServerResponse): void {
  const version = versionOf(page);
  const etag = `"${page}-${version}"`;
  const isKnown = request.headers['if-none-match']?.includes(etag) === true;
  response.writeHead(isKnown ? 304 : 200, { etag, 'cache-groups': `"${page}"` });
  const delayMs = PAGE_DELAYS_MS[pagesServed++ % PAGE_DELAYS_MS.length];
  setTimeout(() => response.end(isKnown ? undefined : String(version)), delayMs);
  request.resume();
}

/** Makes new versions of pages, and tells them. */
function change(pages: readonly string[]): Record<string, number> {
  for (const page of pages) versions.set(page, versionOf(page) + 1);
  return Object.fromEntries(pages.map((page) => [page, versionOf(page)]));
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://backend');
  if (url.pathname === '/healthz') return void response.end('ok');
  if (url.pathname.startsWith(PAGES)) return servePage(url.pathname.slice(PAGES.length), request, response);
  const record: KeptRequest = [machineNowMs(), null, clientOf(request)];
  kept.requests.push(record);
  const timer = setTimeout(() => response.end('done\n'), Number(url.searchParams.get('ms') ?? serviceMs));
  const chunks = url.pathname === '/stream' ? setInterval(() => response.write('.'), CHUNK_EVERY_MS) : undefined;
  // Its work ends with the reply, or when the client has left: the backend gives up what nobody waits for.
  response.on('close', () => {
    clearTimeout(timer);
    clearInterval(chunks);
    record[1] = machineNowMs();
  });
  request.resume();
}

const server = createServer({ keepAliveTimeout: 75_000 }, serve);
const records = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://backend');
  response.end(JSON.stringify(url.pathname === '/change' ? change(url.searchParams.getAll('page')) : kept));
});
server.listen(Number(port), address, () =>
  records.listen(Number(recordsPort), address, () => console.log('The backend is up')),
);
