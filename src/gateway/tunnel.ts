import type { Duplex } from 'node:stream';
import type { ReplyHeaders } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayContext } from './gateway-context.ts';
import { ClientSink, replyHeaders } from './sinks.ts';

/** A tunnel in which nothing was said for this long is taken for dead. */
const IDLE_LIMIT_MS = 60 * 60_000;

/** Takes the reply to an upgrade: a tunnel where the backend switches protocols, its reply as it is where it does not. */
export class TunnelSink extends ClientSink {
  readonly #x: Exchange;
  readonly #gateway: GatewayContext;

  constructor(x: Exchange, gateway: GatewayContext) {
    super(x, gateway.clock, gateway.config.env.UPSTREAM_TIMEOUT_MS);
    this.#x = x;
    this.#gateway = gateway;
  }

  upgrade(headers: ReplyHeaders, backend: Duplex, done: () => void): void {
    const x = this.#x;
    const { upgrade } = x;
    if (upgrade === undefined || x.over || this.#gateway.isDraining()) {
      backend.destroy();
      x.res.destroy();
      done();
      return;
    }
    const { socket: client, head } = upgrade;
    x.tunnelled = true;
    x.res.detachSocket(client as Parameters<typeof x.res.detachSocket>[0]);
    client.write(switchingProtocols(x, headers));
    if (head.length > 0) backend.write(head);
    this.#gateway.tunnels.add(client);
    join(client, backend, () => {
      done();
      x.res.emit('close');
    });
  }
}

function switchingProtocols(x: Exchange, headers: ReplyHeaders): string {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket'];
  const fields = replyHeaders(headers);
  x.addCommonHeaders(fields);
  for (let index = 0; index < fields.length; index += 2) lines.push(`${fields[index]}: ${fields[index + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Bytes both ways, until either side closes, breaks or falls silent; then both are closed. */
function join(client: Duplex, backend: Duplex, ended: () => void): void {
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    client.destroy();
    backend.destroy();
    ended();
  };
  for (const side of [client, backend]) {
    side.on('error', end);
    side.on('close', end);
    if ('setTimeout' in side && typeof side.setTimeout === 'function') side.setTimeout(IDLE_LIMIT_MS, end);
  }
  client.pipe(backend);
  backend.pipe(client);
}
