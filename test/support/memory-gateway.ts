import { Cache } from '../../src/gateway/cache/cache.ts';
import type { GatewayContext } from '../../src/gateway/context.ts';
import { Exchange } from '../../src/gateway/exchange.ts';
import { cachedRoutesOf, openContext } from '../../src/gateway/open-context.ts';
import { WorkerVersion } from '../../src/gateway/worker-version.ts';
import type { Failure, Reply, Service } from '../../src/gateway/upstream/layer.ts';
import type { ReplyHeaders } from '../../src/gateway/upstream/reply-sink.ts';
import { renderPrometheus } from '../../src/metrics/exposition.ts';
import { testDependencies, type TestGatewayOptions } from './gateway.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryClient, type MemoryRequest } from './memory-client.ts';

export interface MemoryGateway {
  readonly clock: ManualClock;
  readonly context: GatewayContext;
  /** Sends a request on the request path; its reply comes while the test waits. */
  send(request: MemoryRequest): MemoryClient;
  /** The same, and waits until the reply is over. */
  ask(request: MemoryRequest): Promise<MemoryClient>;
  metrics(): string;
  close(): Promise<void>;
}

/** The request path of a worker without server, sockets and time: `service` stands for steps 6 to 9. */
export async function openMemoryGateway(service: Service, options: TestGatewayOptions = {}): Promise<MemoryGateway> {
  const clock = new ManualClock();
  const dependencies = { ...(await testDependencies(options)), clock };
  const { registry, bugs, config } = dependencies;
  const opened = openContext(dependencies, () => false);
  const routes = cachedRoutesOf(config);
  const cache = new Cache({ clock, stack: service, bugs, maxBytes: 1024 * 1024, routes, trust: opened.storedTrust });
  const context: GatewayContext = { ...opened, stack: service, cache };
  const version = new WorkerVersion(context, undefined, () => {});
  const send = (request: MemoryRequest): MemoryClient => {
    const client = new MemoryClient(request);
    version.begin(new Exchange(client, clock.now(), version.exchanges));
    return client;
  };
  return {
    clock,
    context,
    send,
    ask: async (request) => {
      const client = send(request);
      await client.over;
      return client;
    },
    metrics: () => renderPrometheus(registry.snapshot()),
    close: async () => void (await Promise.all(context.upstreams.map((upstream) => upstream.close()))),
  };
}

/** A reply with this body, in these pieces; `failure`: why it is not whole. */
export function replyOf(status: number, headers: ReplyHeaders, body: readonly string[] = [], failure?: Failure): Reply {
  return {
    kind: 'replied',
    status,
    isOverloaded: false,
    execMs: 1,
    discard() {},
    passTo(sink) {
      sink.head(status, headers);
      for (const piece of body) sink.data(Buffer.from(piece), () => {});
      if (failure === undefined) sink.end();
      return failure;
    },
  };
}
