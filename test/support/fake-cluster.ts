import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One slice of the Service, as the API has it. */
export interface FakeSlice {
  readonly name: string;
  readonly endpoints: readonly { readonly address: string; readonly state?: 'ready' | 'starting' | 'ending' }[];
  readonly port: number;
}

/** The faults of the server in lists and watches. */
export type ClusterFault =
  | 'none'
  /** Lists are empty; are no JSON; are refused; never end; the connection is closed in the middle. */
  | 'empty'
  | 'garbage'
  | 'forbidden'
  | 'hangs'
  | 'cut'
  /** Watches end at once; are too old; tell nothing; tell every change three times; tell what was before once more. */
  | 'no-watch'
  | 'gone'
  | 'silent-watch'
  | 'repeats'
  | 'stale-events';

/** The part of a Kubernetes API server that has EndpointSlices, on 127.0.0.1. It can drop, repeat and lie. */
export interface FakeCluster {
  readonly origin: string;
  fault: ClusterFault;
  readonly lists: () => number;
  readonly openWatches: () => number;
  /** The requests' paths, queries and tokens. */
  readonly seen: () => readonly string[];
  /** Replaces the slices, and tells all watches. */
  set(slices: readonly FakeSlice[]): void;
  /** Ends all connections, and answers nobody until `open` is called. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

const conditions = {
  ready: { ready: true, serving: true, terminating: false },
  starting: { ready: false, serving: false, terminating: false },
  ending: { ready: false, serving: true, terminating: true },
};

/** Lists have one slice a page, so that every reader must follow `continue`. */
export async function startFakeCluster(): Promise<FakeCluster> {
  let version = 100;
  let slices = new Map<string, object>();
  let lists = 0;
  const seen: string[] = [];
  const watches = new Set<ServerResponse>();
  const objectOf = ({ name, endpoints, port }: FakeSlice): object => ({
    metadata: { name, resourceVersion: String(version) },
    addressType: 'IPv4',
    endpoints: endpoints.map(({ address, state = 'ready' }) => ({
      addresses: [address],
      conditions: conditions[state],
    })),
    ports: [
      { name: 'metrics', port: 1 },
      { name: 'http', port },
    ],
  });
  const tell = (type: string, object: object): void => {
    const line = `${JSON.stringify({ type, object })}\n`;
    const half = Math.floor(line.length / 2);
    for (const watch of watches) {
      watch.write(line.slice(0, half));
      watch.write(line.slice(half));
    }
  };
  const list = (res: ServerResponse, page: number): void => {
    lists++;
    if (cluster.fault === 'hangs') return void res.write('{');
    if (cluster.fault === 'garbage') return void res.end('<html>proxy error</html>');
    if (cluster.fault === 'forbidden') {
      res.writeHead(403, { 'content-type': 'application/json' });
      return void res.end(JSON.stringify({ kind: 'Status', message: 'endpointslices is forbidden: cannot list' }));
    }
    const all = cluster.fault === 'empty' ? [] : [...slices.values()];
    const metadata = { resourceVersion: String(version), continue: page + 1 < all.length ? String(page + 1) : '' };
    const text = JSON.stringify({ kind: 'EndpointSliceList', metadata, items: all.slice(page, page + 1) });
    if (cluster.fault !== 'cut') return void res.end(text);
    res.writeHead(200, { 'content-length': Buffer.byteLength(text) });
    res.write(text.slice(0, -5), () => res.destroy());
  };
  const watch = (res: ServerResponse): void => {
    if (cluster.fault === 'no-watch') return void res.end();
    if (cluster.fault === 'gone')
      return void res.end(`${JSON.stringify({ type: 'ERROR', object: { message: 'too old resource version' } })}\n`);
    res.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '1' } } })}\n`);
    watches.add(res);
    res.on('close', () => watches.delete(res));
  };
  const server = createServer((req: IncomingMessage, res) => {
    const url = new URL(req.url ?? '/', 'http://cluster');
    seen.push(`${req.url} ${req.headers.authorization ?? ''}`);
    if (url.searchParams.get('watch') === 'true') watch(res);
    else list(res, Number(url.searchParams.get('continue') ?? 0));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cluster: FakeCluster = {
    origin: `http://127.0.0.1:${port}`,
    fault: 'none',
    lists: () => lists,
    openWatches: () => watches.size,
    seen: () => seen,
    set(next) {
      const before = slices;
      version++;
      slices = new Map(next.map((one) => [one.name, objectOf(one)]));
      if (cluster.fault === 'silent-watch') return;
      for (const [name, object] of before) if (!slices.has(name)) tell('DELETED', object);
      for (const [name, object] of slices)
        for (let times = cluster.fault === 'repeats' ? 3 : 1; times > 0; times--)
          tell(before.has(name) ? 'MODIFIED' : 'ADDED', object);
      if (cluster.fault === 'stale-events') for (const object of before.values()) tell('MODIFIED', object);
    },
    shut: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    open: () => new Promise((resolve) => void server.listen(port, '127.0.0.1', resolve)),
  };
  return cluster;
}
