import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameTracker, goingAwayFrame } from '../../../../src/gateway/websocket/frames.ts';

/** A frame of a payload of this length, masked or not. */
function frame(length: number, isMasked: boolean, opcode = 2): Buffer {
  const extended =
    length < 126
      ? []
      : length < 65_536
        ? [length >> 8, length & 255]
        : [0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255];
  const code = length < 126 ? length : length < 65_536 ? 126 : 127;
  const head = [0x80 | opcode, (isMasked ? 0x80 : 0) | code, ...extended, ...(isMasked ? [1, 2, 3, 4] : [])];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length, 0x88)]);
}

test('FrameTracker knows the places between frames, however the bytes are cut', () => {
  const lengths = fc.constantFrom(0, 1, 125, 126, 300, 65_535, 65_536, 70_000);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(lengths, fc.boolean()), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 999 }),
      (frames, size) => {
        const tracker = new FrameTracker();
        const bytes = Buffer.concat(frames.map(([length, isMasked]) => frame(length, isMasked)));
        const ends = new Set<number>([0]);
        let end = 0;
        for (const [length, isMasked] of frames) ends.add((end += frame(length, isMasked).length));
        let at = 0;
        for (let step = 1; at < bytes.length; step++) {
          const next = Math.min(bytes.length, at + 1 + ((step * size) % 997));
          tracker.pass(bytes.subarray(at, next));
          at = next;
          assert.equal(tracker.isBetweenFrames, ends.has(at), `at ${at}`);
        }
        assert.equal(tracker.isClosed, false);
      },
    ),
    { numRuns: 50 },
  );
});

test('FrameTracker sees a close frame go by', () => {
  const tracker = new FrameTracker();
  tracker.pass(goingAwayFrame());
  assert.equal(tracker.isClosed, true);
  assert.equal(tracker.isBetweenFrames, true);
});

test('goingAwayFrame says 1001, masked where it goes to a server', () => {
  assert.deepEqual([...goingAwayFrame()], [0x88, 2, 0x03, 0xe9]);
  const [first, second, a = 0, b = 0, , , high = 0, low = 0] = goingAwayFrame(Buffer.from([7, 9, 11, 13]));
  assert.deepEqual([first, second, high ^ a, low ^ b], [0x88, 0x82, 0x03, 0xe9]);
});
