import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'node:test';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts';

/** What a test has opened, closed again when it ends. */
export const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A backend in this process. */
export async function startBackend(listener: RequestListener): Promise<{ origin: string; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** A gateway with one route for everything, to these backends. */
export async function startGateway(
  origins: string[],
  more: TestGatewayOptions & {
    cap?: number;
    queueCapacity?: number;
    queueTimeoutMs?: number;
    timeoutMs?: number;
    maxBodyBytes?: number;
    authenticate?: boolean;
    pure?: boolean;
    hedge?: boolean;
    cache?: NonNullable<TestGatewayOptions['routes']>[number]['cache'];
  } = {},
): Promise<TestGateway> {
  const { cap, queueCapacity, queueTimeoutMs, timeoutMs, maxBodyBytes, authenticate, cache, pure, hedge, ...options } =
    more;
  const rampart = await startTestGateway({
    upstreams: { app: { backends: origins, cap, queueCapacity, queueTimeoutMs } },
    routes: [
      { endpoint: 'app', path: '/*', upstream: 'app', timeoutMs, maxBodyBytes, authenticate, cache, pure, hedge },
    ],
    ...options,
  } as TestGatewayOptions);
  closers.push(() => rampart.close());
  return rampart;
}

/** Permits of the route's upstream that are taken. */
export const inFlight = (rampart: TestGateway): number => {
  const values = [...rampart.metrics().matchAll(/^rampart_backend_in_flight\{upstream="app"[^}]*\} (\d+)$/gm)];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
};
