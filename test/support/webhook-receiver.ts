import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message as a receiver gets it. */
export interface ReceivedWebhook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly message: {
    readonly type: string;
    readonly data: { readonly id: string; readonly status: string; readonly done: number; readonly failed: number };
  };
}

/** A service that takes webhooks, written as a user would write it by docs/batches.md alone. */
export interface WebhookReceiver {
  readonly url: string;
  readonly got: ReceivedWebhook[];
  /** The status of the next answers; undefined: none, it hangs. */
  answer: number | undefined;
  close(): void;
}

export async function startWebhookReceiver(port = 0): Promise<WebhookReceiver> {
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => {
      receiver.got.push({ headers: req.headers, body, message: JSON.parse(body) as ReceivedWebhook['message'] });
      if (receiver.answer !== undefined) res.writeHead(receiver.answer).end('thank you');
    });
  });
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/done`,
    got: [],
    answer: 200,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return receiver;
}

/** Whether a message is signed with this secret. */
export function isSignedWith(secret: string, { headers, body }: ReceivedWebhook): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  return String(headers['webhook-signature']).split(' ').includes(expected);
}
