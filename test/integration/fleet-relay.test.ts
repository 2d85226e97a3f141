import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Relay } from '../fleet/relay.ts';
import { eventually } from '../support/raw.ts';

const ADDRESS = '127.0.0.1';

/** A client and what became of its connection. */
class Caller {
  readonly socket: Socket;
  text = '';
  end: 'open' | 'ended' | 'reset' = 'open';

  constructor(port: number) {
    this.socket = connect({ host: ADDRESS, port, allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    this.socket.on('end', () => (this.end = 'ended'));
    this.socket.on('error', () => (this.end = 'reset'));
  }

  send(text: string): void {
    this.socket.write(text);
  }

  heard(text: string): Promise<void> {
    return eventually(`the client hears ${text}`, () => this.text === text);
  }
}

describe('a relay', () => {
  let server: Server;
  let relay: Relay;
  let port = 0;
  let received = '';
  const callers: Caller[] = [];
  const call = (): Caller => {
    const caller = new Caller(port);
    callers.push(caller);
    return caller;
  };
  /** The server got this, which takes a moment. */
  const served = (text: string): Promise<void> => eventually(`the server gets ${text}`, () => received === text);

  beforeEach(async () => {
    received = '';
    server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString();
        socket.write(chunk.toString().toUpperCase());
      });
    }).listen(0, ADDRESS);
    await once(server, 'listening');
    relay = new Relay({ address: ADDRESS, port: (server.address() as AddressInfo).port }, () => 0.5);
    ({ port } = await relay.listen(ADDRESS, 0));
  });

  afterEach(async () => {
    for (const { socket } of callers.splice(0)) socket.destroy();
    await relay.close();
    await new Promise((resolve) => void server.close(resolve));
  });

  test('passes everything on, both ways', async () => {
    const caller = call();
    caller.send('one');
    await caller.heard('ONE');
    assert.equal(received, 'one');
  });

  test('delay: pieces come later and in their order', async () => {
    const caller = call();
    relay.trouble({ kind: 'delay', delayMs: 40, jitterMs: 40 });
    const sentAt = performance.now();
    caller.send('one');
    await served('one');
    caller.send('two');
    await caller.heard('ONETWO');
    assert.ok(performance.now() - sentAt >= 2 * 60, 'two ways, 60 ms each');
  });

  test('stall to the server: what was sent meanwhile runs once it is over', async () => {
    const caller = call();
    relay.trouble({ kind: 'stall', direction: 'to' });
    caller.send('late');
    const other = call();
    await once(other.socket, 'connect');
    assert.equal(received, '');
    relay.trouble({ kind: 'none' });
    await caller.heard('LATE');
  });

  test('stall from the server: the call runs, its answer waits', async () => {
    const caller = call();
    relay.trouble({ kind: 'stall', direction: 'from' });
    caller.send('one');
    await served('one');
    assert.equal(caller.text, '');
    relay.trouble({ kind: 'none' });
    await caller.heard('ONE');
  });

  test('cut from the server: the call runs, its answer is lost, and the connection is reset when the cut is over', async () => {
    const caller = call();
    relay.trouble({ kind: 'cut', direction: 'from' });
    caller.send('one');
    await served('one');
    relay.trouble({ kind: 'none' });
    await eventually('the connection is reset', () => caller.end === 'reset');
    assert.equal(caller.text, '');
  });

  test('refuse: connections are reset, new ones too, until it is over', async () => {
    const [before, during] = [call(), call()];
    before.send('a');
    await before.heard('A');
    relay.trouble({ kind: 'refuse' });
    await eventually('the connection is reset', () => before.end === 'reset');
    await eventually('the other one, too', () => during.end === 'reset');
    const late = call();
    await eventually('a new one, too', () => late.end === 'reset');
    relay.trouble({ kind: 'none' });
    const after = call();
    after.send('b');
    await after.heard('B');
  });

  test('half closed: the client hears the end and may still send', async () => {
    const caller = call();
    caller.send('one');
    await caller.heard('ONE');
    relay.halfClose();
    await eventually('the end is heard', () => caller.end === 'ended');
    caller.send('two');
    await served('onetwo');
    assert.equal(caller.text, 'ONE');
  });

  test('another target: connections are reset and new ones lead there', async () => {
    const caller = call();
    caller.send('one');
    await caller.heard('ONE');
    const other = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('other');
    }).listen(0, ADDRESS);
    await once(other, 'listening');
    relay.pointTo({ address: ADDRESS, port: (other.address() as AddressInfo).port });
    await eventually('the connection is reset', () => caller.end === 'reset');
    await call().heard('other');
    relay.reset();
    await new Promise((resolve) => void other.close(resolve));
  });
});
