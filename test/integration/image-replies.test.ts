import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageType } from '../../src/barcode/formats.ts';
import { startTestGateway, testKey } from '../support/gateway.ts';
import { closers, startBackend } from '../support/proxying.ts';

type Ask = (path: string, init?: { accept?: string; body?: unknown }) => Promise<Response>;

/** A gateway before a generator that answers in the format that it is asked for, with the format's name as the image. */
async function start(): Promise<Ask> {
  const { origin } = await startBackend((req, res) => {
    const chunks: Buffer[] = [];
    req
      .on('data', (chunk: Buffer) => void chunks.push(chunk))
      .on('end', () => {
        const { format } = JSON.parse(Buffer.concat(chunks).toString()) as { format: string };
        res.writeHead(200, { 'content-type': imageType(format) }).end(format);
      });
  });
  const rampart = await startTestGateway({ generators: [origin], env: { GENERATOR_INSTANCES: '1' } });
  closers.push(() => rampart.close());
  return (path, { accept, body } = {}) =>
    fetch(`${rampart.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${testKey}`,
        ...(accept === undefined ? {} : { accept }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
}

const qr = { symbology: 'QR', text: 'x' };

test('Accept chooses the format of a request that names none', async () => {
  const ask = await start();
  for (const [accept, format] of [
    ['*/*', 'svg'],
    ['image/png', 'png'],
    ['application/pdf', 'pdf'],
    ['application/postscript, image/png;q=0.5', 'eps'],
    ['application/json, text/plain, */*', 'svg'],
  ] as const) {
    const created = await ask('/v1/barcodes', { accept, body: qr });
    assert.deepEqual([created.status, created.headers.get('content-type')], [201, imageType(format)], accept);
    assert.equal(await created.text(), format);
    const again = await ask(`${created.headers.get('location')}/image`);
    assert.deepEqual([again.headers.get('content-type'), await again.text()], [imageType(format), format]);
    const rendered = await ask('/v1/render/qr-code?text=x', { accept });
    assert.deepEqual([rendered.status, rendered.headers.get('content-type')], [200, imageType(format)], accept);
    assert.equal(rendered.headers.get('vary'), 'Accept');
    await rendered.arrayBuffer();
  }
});

test('a format in the request counts more than Accept', async () => {
  const ask = await start();
  const created = await ask('/v1/barcodes', { accept: 'image/svg+xml', body: { ...qr, format: 'PNG' } });
  assert.deepEqual([created.status, created.headers.get('content-type')], [201, 'image/png']);
  const rendered = await ask('/v1/render/qrcode?text=x&format=pdf', { accept: 'image/png' });
  assert.deepEqual([rendered.status, rendered.headers.get('content-type')], [200, 'application/pdf']);
});

test('a client that accepts JSON gets the record with the image in base64', async () => {
  const ask = await start();
  const body = { symbology: 'code-128', text: '(01)09501101530003', format: 'png' };
  const created = await ask('/v1/barcodes', { accept: 'application/json', body });
  assert.deepEqual([created.status, created.headers.get('content-type')], [201, 'application/json']);
  const { id, symbology, format, text, content_type, image_base64, warnings, image } = (await created.json()) as Record<
    string,
    string
  >;
  assert.deepEqual([symbology, format, text, content_type], ['code128', 'png', body.text, 'image/png']);
  assert.equal(Buffer.from(image_base64 ?? '', 'base64').toString(), 'png');
  assert.equal(created.headers.get('location'), `/v1/barcodes/${id}`);
  assert.equal(image, `/v1/barcodes/${id}/image`);
  assert.match(String(warnings), /gs1128/);
});

test('a text that looks like GS1 in a plain symbology gets a warning, and only there', async () => {
  const ask = await start();
  const warningOf = async (body: unknown): Promise<string | null> => {
    const reply = await ask('/v1/barcodes', { body });
    assert.equal(reply.status, 201, await reply.text());
    return reply.headers.get('rampart-warning');
  };
  assert.match((await warningOf({ symbology: 'code128', text: '(01)09501101530003' })) ?? '', /gs1128/);
  assert.equal(await warningOf({ symbology: 'gs1128', text: '(01)09501101530003' }), null);
  assert.equal(await warningOf({ symbology: 'code128', text: 'A(01)' }), null);
  const rendered = await ask('/v1/render/code128?text=(01)09501101530003');
  assert.match(rendered.headers.get('rampart-warning') ?? '', /gs1128/);
});

test('a client that accepts nothing that there is gets 406 with what there is', async () => {
  const ask = await start();
  for (const [path, body] of [
    ['/v1/barcodes', qr],
    ['/v1/render/qrcode?text=x', undefined],
  ] as const) {
    const refused = await ask(path, { accept: 'text/html', body });
    assert.equal(refused.status, 406);
    const { reason, detail } = (await refused.json()) as { reason: string; detail: string };
    assert.equal(reason, 'not-acceptable');
    assert.match(detail, /image\/svg\+xml, image\/png, application\/pdf, application\/postscript/);
  }
});

for (const format of [{}, [], 7, null, true, ['png'], { toString: 1 }, '__proto__', 'constructor', 'x'.repeat(9000)]) {
  test(`a format that is none is refused by its field: ${JSON.stringify(format).slice(0, 30)}`, async () => {
    const ask = await start();
    for (const accept of ['*/*', 'application/json']) {
      const refused = await ask('/v1/barcodes', { accept, body: { ...qr, format } });
      assert.equal(refused.status, 422);
      const { errors } = (await refused.json()) as { errors: { field: string }[] };
      assert.deepEqual(
        errors.map(({ field }) => field),
        ['format'],
      );
    }
  });
}

test('what is wrong comes field by field, with the character', async () => {
  const ask = await start();
  const refused = await ask('/v1/barcodes', { body: { symbology: 'code39', text: 'ABé', color: '#ff0000' } });
  assert.equal(refused.status, 422);
  const { errors } = (await refused.json()) as { errors: { field: string; rule: string; position?: number }[] };
  assert.deepEqual(
    errors.map(({ field, rule, position }) => [field, rule, position]),
    [
      ['text', 'charset', 3],
      ['color', 'contrast', undefined],
    ],
  );
});
