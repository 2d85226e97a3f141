import assert from 'node:assert/strict';
import type { FileHandle } from 'node:fs/promises';
import { test } from 'node:test';
import { Spool, SpoolFile } from '../../../../src/gateway/http/spool.ts';

test('bytes that a full disk did not take are not a part of the file, and their room is given back', async () => {
  const spool = new Spool('unused', 1000);
  const content = Buffer.alloc(100);
  let isFull = false;
  const handle = {
    write: async (chunk: Buffer, from: number, length: number, at: number) => {
      // A disk that is nearly full takes a part first.
      if (isFull && length === 1) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      const bytesWritten = isFull ? length - 1 : length;
      chunk.copy(content, at, from, from + bytesWritten);
      return { bytesWritten, buffer: chunk };
    },
    read: async (target: Buffer, _offset: number, length: number, at: number) => {
      content.copy(target, 0, at, at + length);
      return { bytesRead: length, buffer: target };
    },
    close: async () => {},
  } as unknown as FileHandle;
  const file = new SpoolFile(spool, handle);
  assert.equal(await file.append(Buffer.from('abc')), true);
  isFull = true;
  await assert.rejects(file.append(Buffer.from('defgh')), { code: 'ENOSPC' });
  assert.equal(file.bytes, 3);
  assert.equal(spool.usedBytes, 3);
  isFull = false;
  assert.equal(await file.append(Buffer.from('xy')), true);
  assert.equal((await file.read(0)).toString(), 'abcxy');
  file.release();
  assert.equal(spool.usedBytes, 0);
});
