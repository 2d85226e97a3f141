import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../../src/core/errors.ts';
import { acquireInstanceLock } from '../../../src/supervisor/instance-lock.ts';

test(
  'a program that holds the name of the lock and says something else does not crash the start',
  { skip: process.platform === 'linux' ? false : 'the lock has a name that anyone can take on Linux only' },
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'rampart-lock-'));
    const digest = createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 32);
    const self = { pid: 1, url: 'http://a', adminUrl: 'http://b' };
    for (const [said, message] of [
      ['null', /does not answer/],
      ['[]', /does not answer/],
      ['{"pid":"x"}', /does not answer/],
      [JSON.stringify(self), /process 1 serves http:\/\/a/],
    ] as const) {
      // Whoever asks may have left before the answer.
      const other = createServer((socket) => void socket.on('error', () => {}).end(said));
      await new Promise<void>((resolve) => void other.listen(`\0rampart-supervisor-${digest}`, resolve));
      await assert.rejects(acquireInstanceLock(dataDir, dataDir, self), (error: Error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, message, said);
        return true;
      });
      await new Promise((resolve) => void other.close(resolve));
    }
    (await acquireInstanceLock(dataDir, dataDir, self)).release();
    rmSync(dataDir, { recursive: true });
  },
);
