import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientRequest } from '../../../../src/gateway/http/client-request.ts';
import { StreamedUpload } from '../../../../src/gateway/http/streamed-upload.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const request = { receiveBody() {}, pauseBody() {}, resumeBody() {}, stopBody() {} } as unknown as ClientRequest;
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function openBody(): { body: StreamedUpload; clock: ManualClock } {
  const clock = new ManualClock();
  const body = new StreamedUpload(request, { limitBytes: 4, stallMs: 1000 }, { clock, bugs: quietInstruments().bugs });
  // As undici reads, which then lets the body go.
  body.read();
  return { body, clock };
}

// Each of these was an uncaught exception where undici listened no more: it ended the worker.
test('a body that nobody listens to any more may be too slow, too large or cut off', async () => {
  const slow = openBody();
  slow.clock.advance(3_600_000);
  await settle();
  assert.equal(slow.body.errored?.message, 'the client sends its body too slowly');

  const large = openBody().body;
  large.bodyData(Buffer.from('12345'));
  await settle();
  assert.equal(large.errored?.message, 'the body is larger than 4 bytes');

  const cut = openBody().body;
  cut.bodyAborted();
  await settle();
  assert.equal(cut.errored?.message, 'the client left before its body was complete');
});
