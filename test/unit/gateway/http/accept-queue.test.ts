import assert from 'node:assert/strict';
import { createServer, connect, BoundSocket, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { quietInstruments } from '../../../support/instruments.ts';
import { closeWhenEmpty } from '../../../../src/gateway/http/accept-queue.ts';

for (const host of ['127.0.0.1', '::1']) {
  test(`closeWhenEmpty on ${host}: a listener closes after all that waits in its queue has been accepted`, async () => {
    const bound = new BoundSocket({ host, port: 0 });
    const { port } = bound.address() as AddressInfo;
    const accepted: Socket[] = [];
    const server = createServer((socket) => accepted.push(socket));
    await new Promise<void>((resolve) => void server.listen({ fd: bound.fd() }, resolve));
    const errors: unknown[] = [];
    const clients = Array.from({ length: 300 }, () => connect(port, host).on('error', (error) => errors.push(error)));
    await new Promise<void>((resolve) => void setImmediate(resolve));
    const connected = await new Promise<number>((resolve) => {
      const close = (): void => {
        server.close();
        resolve(accepted.length);
      };
      closeWhenEmpty(bound.fd(), close, quietInstruments().bugs);
    });
    // The kernel has completed the handshakes of all by now: those that were not accepted would have been reset.
    for (const socket of [...clients, ...accepted]) socket.destroy();
    assert.equal(connected, 300);
    assert.deepEqual(errors, []);
  });
}
