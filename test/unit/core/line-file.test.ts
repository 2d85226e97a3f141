import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineFile, type LineSystem } from '../../../src/core/line-file.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const PIECE_BYTES = 32;

/** A system whose files are texts, and whose calls fail as a test tells them. */
class FakeSystem implements LineSystem {
  /** By descriptor. */
  readonly files: string[] = [];
  readonly closed: number[] = [];
  /** The file that stands under the path: its descriptor; undefined if there is none. */
  atPath: number | undefined;
  openError: string | undefined;
  writeError: string | undefined;
  /** How many bytes a write takes at most. */
  takes = Number.POSITIVE_INFINITY;

  open() {
    if (this.openError !== undefined) throw Object.assign(new Error(this.openError), { code: this.openError });
    if (this.atPath === undefined) this.atPath = this.files.push('') - 1;
    return { fd: this.atPath, identity: `file ${this.atPath}`, pieceBytes: PIECE_BYTES };
  }

  async reopen() {
    return this.open();
  }

  async write(fd: number, bytes: Buffer, from: number) {
    return this.writeNow(fd, bytes, from);
  }

  writeNow(fd: number, bytes: Buffer, from: number) {
    if (this.writeError !== undefined) throw Object.assign(new Error(this.writeError), { code: this.writeError });
    const taken = bytes.subarray(from, from + this.takes);
    this.files[fd] += taken.toString();
    return taken.length;
  }

  async identityAt() {
    if (this.atPath === undefined) throw Object.assign(new Error('none'), { code: 'ENOENT' });
    return `file ${this.atPath}`;
  }

  async close(fd: number) {
    this.closed.push(fd);
  }

  closeNow(fd: number) {
    this.closed.push(fd);
  }
}

function setUp(more: { openError?: string; maxWaitingBytes?: number } = {}) {
  const system = new FakeSystem();
  system.openError = more.openError;
  const clock = new ManualClock();
  const counts = { written: 0, dropped: 0, failures: [] as unknown[] };
  const file = LineFile.open({
    target: '/log',
    clock,
    system,
    ...(more.maxWaitingBytes !== undefined && { maxWaitingBytes: more.maxWaitingBytes }),
    onWritten: (lines) => (counts.written += lines),
    onDropped: (lines) => (counts.dropped += lines),
    onFailure: (error) => void counts.failures.push((error as { code?: string }).code),
  });
  /** Lets this time pass, and everything happen that follows from it. */
  const pass = async (milliseconds: number): Promise<void> => {
    clock.advance(milliseconds);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { system, file, counts, pass };
}

const line = (index: number): string => `line ${index}\n`;

test('LineFile writes lines together, after 200 ms or when a piece is full', async () => {
  const { system, file, counts, pass } = setUp();
  file.write(line(1));
  await pass(199);
  assert.equal(system.files[0], '');
  await pass(1);
  assert.equal(system.files[0], 'line 1\n');
  for (let index = 2; index < 9; index++) file.write(line(index));
  await pass(0);
  assert.equal(system.files[0], 'line 1\nline 2\nline 3\nline 4\nline 5\n');
  await pass(200);
  assert.deepEqual(counts, { written: 8, dropped: 0, failures: [] });
  assert.equal(file.waitingBytes, 0);
});

test('LineFile goes on where a short write has ended', async () => {
  const { system, file, counts, pass } = setUp();
  system.takes = 3;
  for (let index = 0; index < 6; index++) file.write(line(index));
  await pass(200);
  assert.equal(system.files[0], [0, 1, 2, 3, 4, 5].map(line).join(''));
  assert.equal(counts.written, 6);
});

test('LineFile on a full disk keeps lines in bounded memory, counts those that it drops, and goes on when there is room', async () => {
  const { system, file, counts, pass } = setUp({ maxWaitingBytes: 70 });
  system.writeError = 'ENOSPC';
  for (let index = 0; index < 25; index++) {
    file.write(line(index % 10));
    await pass(200);
    assert.ok(file.waitingBytes <= 70);
  }
  assert.deepEqual(counts, { written: 0, dropped: 15, failures: ['ENOSPC'] });
  system.writeError = undefined;
  await pass(1000);
  assert.equal(system.files[0], Array.from({ length: 10 }, (_, index) => line(index)).join(''));
  assert.deepEqual([counts.written, counts.dropped], [10, 15]);
});

test('LineFile tries a full pipe again soon, and does not report it', async () => {
  const { system, file, counts, pass } = setUp();
  system.writeError = 'EAGAIN';
  file.write(line(1));
  await pass(200);
  system.writeError = undefined;
  await pass(50);
  assert.deepEqual([system.files[0], counts.failures], [line(1), []]);
});

test('LineFile opens the path again when the file there has moved', async () => {
  const { system, file, counts, pass } = setUp();
  file.write(line(1));
  await pass(200);
  system.atPath = undefined;
  file.write(line(2));
  await pass(1000);
  file.write(line(3));
  await pass(200);
  assert.deepEqual(system.files, ['line 1\nline 2\n', 'line 3\n']);
  assert.deepEqual([counts.written, counts.dropped, system.closed], [3, 0, [0]]);
});

test('LineFile does not begin a new file with the rest of a line, which counts as dropped', async () => {
  const { system, file, counts, pass } = setUp();
  const { write } = system;
  system.write = async (fd, bytes, from) => {
    if (fd === 0 && from > 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    system.takes = fd === 0 ? 10 : 100;
    return write.call(system, fd, bytes, from);
  };
  for (let index = 1; index < 5; index++) file.write(line(index));
  await pass(200);
  assert.equal(system.files[0], 'line 1\nlin');
  system.atPath = undefined;
  await pass(1000);
  await pass(1000);
  assert.deepEqual(system.files, ['line 1\nlin', 'line 3\nline 4\n']);
  assert.deepEqual([counts.written, counts.dropped], [3, 1]);
  assert.equal(file.waitingBytes, 0);
});

test('LineFile waits for the reader of a FIFO', async () => {
  const { system, file, counts, pass } = setUp({ openError: 'ENXIO' });
  file.write(line(1));
  await pass(5000);
  system.openError = undefined;
  await pass(1000);
  assert.deepEqual([system.files[0], counts.failures], [line(1), []]);
});

test('LineFile keeps the file that it has if it cannot open another one, and reports that once', async () => {
  const { system, file, counts, pass } = setUp();
  system.atPath = undefined;
  system.openError = 'EACCES';
  for (let second = 0; second < 5; second++) {
    file.write(line(second));
    await pass(1000);
  }
  assert.deepEqual([system.files[0], counts.failures], [[0, 1, 2, 3, 4].map(line).join(''), ['EACCES']]);
});

test('LineFile.open throws what the system says of the path', () => {
  assert.throws(() => setUp({ openError: 'EISDIR' }), { code: 'EISDIR' });
});

test('LineFile.close writes the last lines; those that cannot be written count as dropped', async () => {
  const { system, file, counts, pass } = setUp();
  file.write(line(1));
  await Promise.all([file.close(), pass(20)]);
  assert.equal(system.files[0], line(1));
  const other = setUp();
  other.system.writeError = 'EIO';
  for (let index = 0; index < 3; index++) other.file.write(line(index));
  const closing = other.file.close();
  for (let step = 0; step < 250; step++) await other.pass(10);
  await closing;
  other.file.write(line(4));
  assert.deepEqual([counts.written, other.counts.written, other.counts.dropped], [1, 0, 4]);
});
