import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { connect } from 'node:tls';
import { startBackend } from '../support/proxying.ts';
import { askHttp2, openHttp2 } from '../support/http2-client.ts';
import { eventually } from '../support/raw.ts';
import { type Field, http2Floods, pseudo, request } from '../support/http2-floods.ts';
import { flags, frame, frameTypes, headerBlock, RawHttp2 } from '../support/raw-http2.ts';
import { startHttp2Gateway } from '../support/secure-gateway.ts';

const clients: RawHttp2[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.socket.destroy();
});
function open(port: number): RawHttp2 {
  const client = new RawHttp2(port);
  clients.push(client);
  return client;
}

/** A malformed request: its fields, the body that follows them, and the fields behind that. */
interface Case {
  readonly fields: readonly Field[];
  readonly body?: string;
  readonly trailers?: readonly Field[];
}

const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: shop.example\r\n\r\n';
const breaks: Record<string, string> = {
  'CR LF': `x\r\n\r\n${smuggled}`,
  LF: `x\n\n${smuggled.replaceAll('\r', '')}`,
  CR: 'x\rtransfer-encoding: chunked',
  'CR LF in the middle': 'x\r\ntransfer-encoding: chunked\r\nx: y',
  NUL: 'x\0y',
};

const cases: Record<string, Case> = {};
for (const [what, bytes] of Object.entries(breaks)) {
  cases[`${what} in a value`] = { fields: [...pseudo(), ['x-a', bytes]] };
  cases[`${what} in a name`] = { fields: [...pseudo(), [`x-a: ${bytes}`, 'y']] };
  cases[`${what} in :path`] = { fields: pseudo({ path: `/${bytes}` }) };
  cases[`${what} in :method`] = { fields: pseudo({ method: `GET / HTTP/1.1\r\nx: ${bytes}` }) };
  cases[`${what} in :authority`] = { fields: pseudo({ authority: bytes }) };
  cases[`${what} in :scheme`] = { fields: pseudo({ scheme: `https://${bytes}` }) };
  cases[`${what} in cookie`] = { fields: [...pseudo(), ['cookie', bytes], ['cookie', 'b=1']] };
  cases[`${what} in content-type`] = { fields: [...pseudo(), ['content-type', bytes]], body: 'x' };
}
Object.assign(cases, {
  'transfer-encoding: chunked': {
    fields: [...pseudo(), ['transfer-encoding', 'chunked']],
    body: `0\r\n\r\n${smuggled}`,
  },
  'Transfer-Encoding in capitals': {
    fields: [...pseudo(), ['Transfer-Encoding', 'chunked']],
    body: `0\r\n\r\n${smuggled}`,
  },
  'transfer-encoding with a tab': {
    fields: [...pseudo(), ['transfer-encoding\t', 'chunked']],
    body: `0\r\n\r\n${smuggled}`,
  },
  'a name with transfer-encoding and its value': { fields: [...pseudo(), ['transfer-encoding: chunked\r\nx', 'y']] },
  'connection names a field': { fields: [...pseudo(), ['connection', 'content-length']], body: smuggled },
  'keep-alive': { fields: [...pseudo(), ['keep-alive', 'timeout=5']] },
  'proxy-connection': { fields: [...pseudo(), ['proxy-connection', 'keep-alive']] },
  'upgrade to h2c': { fields: [...pseudo({ method: 'GET' }), ['upgrade', 'h2c'], ['http2-settings', 'AAMAAABk']] },
  'te: chunked': { fields: [...pseudo(), ['te', 'chunked']] },
  'content-length too short': { fields: [...pseudo(), ['content-length', '0']], body: smuggled },
  'content-length shorter than the body': { fields: [...pseudo(), ['content-length', '3']], body: `abc${smuggled}` },
  'content-length longer than the body': { fields: [...pseudo(), ['content-length', '500']], body: 'abc' },
  'content-length without a body': { fields: [...pseudo(), ['content-length', '10']] },
  'two lengths': { fields: [...pseudo(), ['content-length', '3'], ['content-length', '50']], body: 'abc' },
  'a length with a sign': { fields: [...pseudo(), ['content-length', '+3']], body: 'abc' },
  'a list of lengths': { fields: [...pseudo(), ['content-length', '3, 3']], body: 'abc' },
  'a hexadecimal length': { fields: [...pseudo(), ['content-length', '0x3']], body: 'abc' },
  'a name with a colon': { fields: [...pseudo(), ['x:y', 'z']] },
  'an empty name': { fields: [...pseudo(), ['', 'z']] },
  'a name with a space': { fields: [...pseudo(), ['x y', 'z']] },
  'a name in capitals': { fields: [...pseudo(), ['X-A', 'z']] },
  'a method with a space': { fields: pseudo({ method: 'GET /smuggled HTTP/1.1' }) },
  'a path with a space': { fields: pseudo({ path: '/a HTTP/1.1' }) },
  'a path that is a URL': { fields: pseudo({ path: 'https://other.example/smuggled' }) },
  'a path without a slash': { fields: pseudo({ path: 'a' }) },
  'an empty path': { fields: pseudo({ path: '' }) },
  'a path with a fragment': { fields: pseudo({ path: '/a#/../smuggled' }) },
  'another scheme': { fields: pseudo({ scheme: 'http' }) },
  'two paths': { fields: [...pseudo(), [':path', '/smuggled']] },
  'a pseudo-header behind a field': { fields: [['x-a', 'y'], ...pseudo()] },
  'an unknown pseudo-header': { fields: [[':x', 'y'], ...pseudo()] },
  'no method': { fields: pseudo().slice(1) },
  'two hosts': { fields: [...pseudo(), ['host', 'shop.example'], ['host', 'other.example']] },
  'host and authority differ': { fields: [...pseudo(), ['host', 'other.example']] },
  'an authority with user information': { fields: pseudo({ authority: 'shop.example@other.example' }) },
  'an authority with a path': { fields: pseudo({ authority: 'shop.example/smuggled' }) },
  CONNECT: {
    fields: [
      [':method', 'CONNECT'],
      [':authority', 'other.example:80'],
    ],
  },
  'extended CONNECT': { fields: [...pseudo({ method: 'CONNECT' }), [':protocol', 'websocket']] },
  'a pseudo-header in the trailers': { fields: pseudo(), body: 'abc', trailers: [[':path', '/smuggled']] },
} satisfies Record<string, Case>);

function sendCase(client: RawHttp2, { fields, body, trailers }: Case): void {
  const isEmpty = body === undefined;
  client.send(frame(frameTypes.headers, flags.endHeaders | (isEmpty ? flags.endStream : 0), 1, headerBlock(fields)));
  if (isEmpty) return;
  client.send(frame(frameTypes.data, trailers === undefined ? flags.endStream : 0, 1, Buffer.from(body)));
  if (trailers === undefined) return;
  client.send(frame(frameTypes.headers, flags.endHeaders | flags.endStream, 1, headerBlock(trailers)));
}

/** What the gateway sends with every request: nghttp2 drops a malformed field, and the rest may go on as one request. */
const ownFields =
  /^(?:host|content-type|cookie|forwarded|x-forwarded-(?:for|host|proto)|x-request-id|via|content-length|transfer-encoding|connection|x-deadline-ms)$/;

for (const upload of ['buffer', 'stream'] as const) {
  test(`${Object.keys(cases).length} requests that would be two in HTTP/1.1 reach no backend as such (upload: ${upload})`, async () => {
    const got: { request: string; lines: string[] }[] = [];
    const { origin } = await startBackend((req, res) => {
      got.push({ request: `${req.method} ${req.url}`, lines: req.rawHeaders });
      req
        .resume()
        .on('end', () => res.end('ok'))
        .on('error', () => {});
    });
    const routes = [{ endpoint: 'app', path: '/*', upstream: 'app', upload }];
    const { port, rampart } = await startHttp2Gateway([origin], { routes });
    assert.ok(Object.keys(cases).length >= 60);
    for (const [name, one] of Object.entries(cases)) {
      got.length = 0;
      const client = open(port);
      sendCase(client, one);
      await eventually(`${name} is answered or refused`, () => client.hasEnded(1));
      client.socket.destroy();
      assert.ok(got.length <= 1, `${name}: ${JSON.stringify(got)}`);
      const [first] = got;
      if (first === undefined) continue;
      assert.equal(first.request, 'POST /a', name);
      const names = first.lines.filter((_, index) => index % 2 === 0).map((line) => line.toLowerCase());
      assert.deepEqual(
        names.filter((line) => !ownFields.test(line)),
        [],
        name,
      );
      assert.doesNotMatch(first.lines.join('\n'), /smuggled|other\.example/, name);
    }
    const sound = openHttp2(port);
    assert.equal((await askHttp2(sound, { ':path': '/sound' })).body, 'ok');
    sound.destroy();
    assert.equal(got.at(-1)?.request, 'GET /sound');
    assert.doesNotMatch(rampart.metrics(), /rampart_bugs_total\{[^}]*\} [1-9]/);
  });
}

for (const [name, turnOf] of Object.entries(http2Floods)) {
  test(`a client that floods with ${name} is cut off, and others are served meanwhile`, async () => {
    const { origin } = await startBackend((req, res) => void req.resume().on('end', () => res.end('ok')));
    const { port, rampart } = await startHttp2Gateway([origin]);
    const other = openHttp2(port);
    const attacker = open(port);
    let served = 0;
    const state = { isOver: false };
    const serving = (async (): Promise<void> => {
      while (!state.isOver) {
        assert.equal((await askHttp2(other, { ':path': '/a' })).body, 'ok');
        served++;
      }
    })();
    let turn = 0;
    await eventually(
      `${name} is cut off`,
      () => {
        const frames: Buffer[] = [];
        for (let count = 0; count < 500; count++) frames.push(...turnOf(turn++));
        attacker.send(...frames);
        return attacker.isClosed || attacker.of(frameTypes.goaway, 0).length > 0;
      },
      5_000,
    );
    state.isOver = true;
    await serving;
    other.destroy();
    assert.ok(served > 0);
    const begun = Number(
      /rampart_requests_total\{endpoint="app",status="499"\} (\d+)/.exec(rampart.metrics())?.[1] ?? 0,
    );
    assert.ok(begun <= 250, `${begun} of its requests were begun`);
    await eventually('nothing is left of it', () => /^rampart_in_flight\{endpoint="app"\} 0$/m.test(rampart.metrics()));
    assert.match(rampart.metrics(), /^rampart_backend_in_flight\{[^}]*upstream="app"[^}]*\} 0$/m);
    assert.doesNotMatch(rampart.metrics(), /rampart_bugs_total\{[^}]*\} [1-9]/);
  });
}

test('a client has at most a hundred requests in progress on a connection', async () => {
  const { origin } = await startBackend(() => {});
  const { port, rampart } = await startHttp2Gateway([origin], {
    upstreams: { app: { backends: [origin], cap: 1000 } },
  });
  const client = open(port);
  await eventually('the settings have come', () => client.of(frameTypes.settings, 0).length > 0);
  const requests = Array.from({ length: 100 }, (_, index) => request(index * 2 + 1));
  client.send(frame(frameTypes.settings, flags.ack, 0), ...requests);
  const inProgress = (count: number): boolean =>
    new RegExp(`^rampart_in_flight\\{endpoint="app"\\} ${count}$`, 'm').test(rampart.metrics());
  await eventually('a hundred are in progress', () => inProgress(100));
  assert.equal(client.hasEnded(0), false);
  // It has acknowledged the limit, so one more is an error of the connection.
  client.send(request(201));
  await eventually('the connection ends', () => client.of(frameTypes.goaway, 0).length > 0);
  await eventually('nothing is in progress', () => inProgress(0));
});

test('a head that is larger than allowed is refused, and the connection of a client that sends none is closed', async () => {
  const { origin } = await startBackend((_req, res) => void res.end('ok'));
  const { port } = await startHttp2Gateway([origin]);
  const client = open(port);
  const large = headerBlock([
    ...pseudo({ method: 'GET' }),
    ['x-large', 'x'.repeat(15_000)],
    ['x-larger', 'x'.repeat(15_000)],
  ]);
  client.send(
    frame(frameTypes.headers, flags.endStream, 1, large.subarray(0, 16_000)),
    frame(frameTypes.continuation, flags.endHeaders, 1, large.subarray(16_000)),
  );
  await eventually('it is refused', () => client.hasEnded(1));
  const fine = openHttp2(port);
  assert.equal((await askHttp2(fine, { ':path': '/a' })).body, 'ok');
  fine.destroy();
});

/** What a handshake that offers these protocols agrees on, or its error. */
function agreedOn(port: number, ...ALPNProtocols: string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols }, () => {
      resolve(String(socket.alpnProtocol));
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  });
}

async function breakOff(port: number, frames: readonly Buffer[]): Promise<void> {
  const client = open(port);
  client.send(...frames);
  await eventually('it is cut off', () => client.hasEnded(0), 5_000);
  client.socket.destroy();
}

test('an address that floods again and again gets no further HTTP/2, and its neighbours are served', async () => {
  const { origin } = await startBackend((req, res) => void req.resume().on('end', () => res.end('ok')));
  const { port, rampart } = await startHttp2Gateway([origin]);
  const neighbour = openHttp2(port);
  assert.equal((await askHttp2(neighbour, { ':path': '/a' })).body, 'ok');
  const rapidReset = Array.from({ length: 300 }, (_, turn) => http2Floods['rapid reset']?.(turn) ?? []).flat();
  for (let flood = 0; flood < 30; flood++) await breakOff(port, rapidReset);
  await eventually('HTTP/2 is refused', async () => (await agreedOn(port, 'h2')).startsWith('ERR_SSL'));
  assert.equal(await agreedOn(port, 'h2', 'http/1.1'), 'http/1.1');
  assert.equal((await askHttp2(neighbour, { ':path': '/a' })).body, 'ok');
  neighbour.destroy();
  assert.doesNotMatch(rampart.metrics(), /rampart_bugs_total\{[^}]*\} [1-9]/);
});

test('a client that makes small mistakes keeps HTTP/2', async () => {
  const { origin } = await startBackend((_req, res) => void res.end('ok'));
  const { port } = await startHttp2Gateway([origin]);
  for (let mistake = 0; mistake < 40; mistake++) await breakOff(port, [frame(frameTypes.data, 0, 0)]);
  assert.equal(await agreedOn(port, 'h2', 'http/1.1'), 'h2');
});
