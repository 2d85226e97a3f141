import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { proxyUpgrade } from 'httpxy';
import { requestId } from '../core/ids.ts';
import type { Permit } from './backend.ts';
import type { GatewayContext } from './gateway-context.ts';
import { readHead, type RequestHead } from './hygiene.ts';
import { Refusal } from './refusal.ts';
import type { Router } from './router.ts';
import { refuseConnection } from './server.ts';
import { codeOf, messageOf } from '../core/errors.ts';

const failed = new Refusal('upstream-failed', 'the backend did not take the upgrade', {
  close: true,
  proxyError: 'destination_unavailable',
});

/** WebSocket tunnels: the same steps as the request path up to the permit, then bytes both ways. */
export class Upgrades {
  readonly #gateway: GatewayContext;
  readonly #router: Router;
  readonly #open = new Set<Duplex>();

  constructor(gateway: GatewayContext, router: Router) {
    this.#gateway = gateway;
    this.#router = router;
  }

  async handle(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    try {
      const outcome = await this.#admit(req);
      if (outcome instanceof Refusal) this.#refuse(socket, outcome);
      else await this.#tunnel(outcome, req, socket, head);
    } catch (error) {
      this.#gateway.log.warn({ code: codeOf(error), reason: messageOf(error) }, 'an upgrade failed');
      this.#refuse(socket, failed);
    }
  }

  #refuse(socket: Duplex, refusal: Refusal): void {
    const metrics = this.#gateway.metrics.endpoint('upgrade');
    metrics.countRejection(refusal.reason);
    metrics.countStatus(refusal.status);
    refuseConnection(socket, refusal);
  }

  /** Ends every tunnel: a tunnel has no last byte to wait for. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async #admit(req: IncomingMessage): Promise<Permit | Refusal> {
    const head = readHead(req);
    if (head instanceof Refusal) return head;
    if (req.method !== 'GET' || head.chunked || head.contentLength !== 0) {
      return new Refusal('malformed-request', 'an upgrade is a GET without a body', { close: true });
    }
    const match = this.#router.match('GET', head.path);
    if (match instanceof Refusal) return match;
    const config = this.#gateway.config.routes.find(({ endpoint }) => endpoint === match.route.metrics.endpoint);
    if (config === undefined) return new Refusal('not-implemented', 'this path takes no upgrade', { close: true });
    const denied = match.route.authenticate ? await this.#authenticate(head) : undefined;
    if (denied !== undefined) return denied;
    const upstream = this.#gateway.upstreams.find(({ name }) => name === config.upstream);
    const acquired = upstream?.acquire() ?? failed;
    return 'result' in acquired ? acquired.result : acquired;
  }

  async #authenticate(head: RequestHead): Promise<Refusal | undefined> {
    const key = await this.#gateway.keys.identify(head.authorization, head.apiKey);
    return key instanceof Refusal ? key : undefined;
  }

  async #tunnel(permit: Permit, req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const done = (): void => {
      this.#open.delete(socket);
      permit.release('success');
    };
    if (socket.destroyed) return done();
    this.#gateway.metrics.endpoint('upgrade').countStatus(101);
    this.#open.add(socket);
    socket.once('close', done);
    delete req.headers['authorization'];
    delete req.headers['x-api-key'];
    req.headers['x-request-id'] ??= requestId();
    await proxyUpgrade(permit.backend.origin, req, socket as Parameters<typeof proxyUpgrade>[2], head, { xfwd: true });
  }
}
