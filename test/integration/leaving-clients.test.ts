import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { closers, inFlight, startBackend, startGateway } from '../support/proxying.ts';
import { eventually, startRawBackend } from '../support/raw.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe('clients that leave', () => {
  test('clients that leave, in flight or in the queue, are soon noticed: fifteen in less than a second each', async () => {
    const { origin } = await startBackend(() => {});
    const rampart = await startGateway([origin], { cap: 1 });
    const waiting = (): boolean => /rampart_queue_depth\{[^}]*\} [1-9]/.test(rampart.metrics());
    const leave = async (bytes: string, isThere: () => boolean): Promise<void> => {
      const socket = connect(rampart.port, '127.0.0.1');
      socket.write(bytes);
      await eventually('it is under way', isThere);
      socket.destroy();
      await eventually('it is gone', () => !isThere());
    };
    const begun = performance.now();
    for (let round = 0; round < 5; round++) {
      await leave(get('/x'), () => inFlight(rampart) === 1);
      await leave('POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi', () => inFlight(rampart) === 1);
    }
    const holder = connect(rampart.port, '127.0.0.1');
    holder.write(get('/x'));
    await eventually('the permit is taken', () => inFlight(rampart) === 1);
    for (let round = 0; round < 5; round++) await leave(get('/y'), waiting);
    holder.destroy();
    // With a second probe after a second it would be fifteen of them at least.
    assert.ok(performance.now() - begun < 10_000);
  });

  test('a client of HTTP/1.0 that is gone cancels its request, though it cannot be asked', async () => {
    const { origin } = await startBackend(() => {});
    const rampart = await startGateway([origin]);
    for (const method of ['GET', 'HEAD']) {
      const socket = connect(rampart.port, '127.0.0.1');
      socket.write(`${method} /x HTTP/1.0\r\n\r\n`);
      await eventually('it is under way', () => inFlight(rampart) === 1);
      socket.destroy();
      await eventually('the permit is back', () => inFlight(rampart) === 0, 15_000);
    }
  });

  test('a client that is gone within a reply that has fallen silent cancels its request', async () => {
    for (const framing of ['Content-Length: 9', 'Transfer-Encoding: chunked', 'X-A: b']) {
      const backend = await startRawBackend(
        (socket) =>
          void socket.write(
            `HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${framing.includes('chunked') ? '3\r\nabc\r\n' : 'abc'}`,
          ),
      );
      closers.push(() => backend.close());
      const rampart = await startGateway([backend.origin]);
      const socket = connect(rampart.port, '127.0.0.1');
      socket.write(get('/x'));
      await new Promise((resolve) => void socket.once('data', resolve));
      socket.destroy();
      await eventually(`the permit is back: ${framing}`, () => inFlight(rampart) === 0, 15_000);
    }
  });

  test('a reply without a length whose client leaves ends no process, however its backend ends', async () => {
    const uncaught: unknown[] = [];
    const onUncaught = (error: unknown): void => void uncaught.push(error);
    process.on('uncaughtException', onUncaught);
    closers.push(async () => void process.off('uncaughtException', onUncaught));
    const heads = [
      'HTTP/1.0 200 OK\r\n\r\n',
      'HTTP/1.1 200 OK\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n',
    ];
    for (const head of heads) {
      for (const how of ['end', 'resetAndDestroy'] as const) {
        const backend = await startRawBackend((socket) => {
          socket.write(`${head}abc`);
          socket.on('end', () => socket[how]());
        });
        closers.push(() => backend.close());
        const rampart = await startGateway([backend.origin]);
        const socket = connect(rampart.port, '127.0.0.1');
        socket.write(get('/x'));
        await new Promise((resolve) => void socket.once('data', resolve));
        socket.resetAndDestroy();
        await eventually('the permit is back', () => inFlight(rampart) === 0);
        await eventually('the connection to the backend is closed', () => backend.sockets.size === 0);
        assert.deepEqual(uncaught, [], `${head}, ${how}`);
      }
    }
  });
});
