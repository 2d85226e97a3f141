import type { IncomingMessage } from 'node:http';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts';
import { closers, startBackend } from './proxying.ts';
import { sendRaw, statusOf } from './raw.ts';

export type Routes = NonNullable<TestGatewayOptions['routes']>;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** The request as the backend got it; undefined if none did. */
  readonly got: IncomingMessage | undefined;
}

/** A gateway with these routes, whose upstreams all have one backend that says its upstream's name. */
export async function startRoutes(routes: readonly Partial<Routes[number]>[], more: TestGatewayOptions = {}) {
  let got: IncomingMessage | undefined;
  const open = async (name: string) => {
    const { origin } = await startBackend((request, reply) => {
      got = request;
      reply.setHeader('x-backend', 'yes');
      reply.setHeader('access-control-allow-origin', '*');
      reply.end(name);
    });
    return { backends: [origin] };
  };
  const upstreams = { app: await open('app'), other: await open('other') };
  const all = routes.map((route, index) => ({ endpoint: `r${index}`, path: '/*', ...route })) as Routes;
  const gateway = await startTestGateway({ upstreams, routes: all, ...more });
  closers.push(() => gateway.close());
  return {
    gateway,
    ask: async (path: string, init: RequestInit & { host?: string } = {}): Promise<Answer> => {
      got = undefined;
      const { host, ...rest } = init;
      const reply =
        host === undefined
          ? await fetch(gateway.url + path, { redirect: 'manual', ...rest })
          : await withHost(gateway, path, host);
      return { status: reply.status, headers: reply.headers, body: await reply.text(), got };
    },
  };
}

/** fetch does not let a caller set Host. */
async function withHost({ port }: TestGateway, path: string, host: string): Promise<Response> {
  const raw = await sendRaw(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const [head = '', body = ''] = raw.text.split('\r\n\r\n');
  const lines = head
    .split('\r\n')
    .slice(1)
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as [string, string]);
  return new Response(body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n$/g, ''), { status: statusOf(raw), headers: lines });
}
