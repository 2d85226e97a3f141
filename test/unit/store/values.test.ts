import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { connectionRefusal, withoutPassword } from '../../../src/store/connection.ts';
import { cursorAfter, idOfCursor } from '../../../src/store/cursor.ts';
import { maySearch } from '../../../src/store/embedded/account.ts';
import { socketFolderFor } from '../../../src/store/embedded/placement.ts';
import { socketUrl } from '../../../src/store/embedded/postmaster.ts';
import { StoreError, toStoreError } from '../../../src/store/errors.ts';
import { thisProcess } from '../../../src/store/ledger/owner.ts';
import { decodeLines, encodeLine } from '../../../src/store/ledger/record-line.ts';
import { fromStoredText, toStoredText } from '../../../src/store/records.ts';
import { record } from './ledger-fakes.ts';

const anyText = fc.string({ unit: 'binary' });
/** UTF-16 code units in any order: lone surrogates among them. */
const anyUnits = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));

test('toStoredText keeps every text, and gives PostgreSQL none that it cannot hold', () => {
  const property = fc.property(fc.oneof(anyText, anyUnits), (text) => {
    const stored = toStoredText(text);
    assert.equal(fromStoredText(stored), text);
    assert.ok(!stored.text.includes('\0') && stored.text.isWellFormed());
  });
  fc.assert(property, { numRuns: 2_000 });
  assert.deepEqual(toStoredText('a "quoted" \\ text'), { text: 'a "quoted" \\ text', textEscaped: false });
  assert.deepEqual(toStoredText('a\0b'), { text: '"a\\u0000b"', textEscaped: true });
});

test('a cursor leads back to its id, and any other text to none', () => {
  fc.assert(fc.property(fc.uuid(), (id) => assert.equal(idOfCursor(cursorAfter(id)), id)));
  const property = fc.property(anyText, (text) => {
    const id = idOfCursor(text);
    assert.ok(id === undefined || cursorAfter(id) === text);
  });
  fc.assert(property);
  assert.equal(cursorAfter('01939d5a-0000-7000-8000-000000000001'), 'AZOdWgAAcACAAAAAAAAAAQ');
  assert.equal(idOfCursor('AZOdWgAAcACAAAAAAAAAAQ=='), undefined);
});

test('a spill line gives back its record, and a changed one gives nothing', () => {
  const property = fc.property(fc.nat(), fc.oneof(anyText, anyUnits), (number, text) => {
    assert.deepEqual(decodeLines(encodeLine(record(number, text))), { records: [record(number, text)], damaged: 0 });
  });
  fc.assert(property);
  const line = encodeLine(record(1));
  for (let at = 0; at < line.length - 1; at += 1) {
    const changed = line.slice(0, at) + (line[at] === 'x' ? 'y' : 'x') + line.slice(at + 1);
    assert.deepEqual(decodeLines(changed), { records: [], damaged: 1 }, `changed at ${at}`);
    if (at > 0) assert.deepEqual(decodeLines(line.slice(0, at)), { records: [], damaged: 1 }, `cut at ${at}`);
  }
  assert.deepEqual(decodeLines(`${line}${line.slice(0, 20)}\n${line}`).damaged, 1);
});

test('a spill line of an earlier version gets the defaults of the fields that it lacks', () => {
  const whole = record(1);
  const { status, ...earlier } = whole;
  const line = encodeLine(earlier as typeof whole);
  assert.deepEqual(decodeLines(line, { status: 'aborted' }).records, [{ ...earlier, status: 'aborted' }]);
  assert.deepEqual(decodeLines(encodeLine(whole), { status: 'aborted' }).records, [whole]);
  assert.equal(status, 'delivered');
});

test('a URL is shown without its password, wherever that stands', () => {
  assert.equal(withoutPassword('postgresql://u:pw@h:5432/d'), 'postgresql://u:***@h:5432/d');
  assert.equal(withoutPassword('postgresql://h/d?user=u&password=pw'), 'postgresql://h/d?user=u&password=***');
  assert.equal(withoutPassword('not a url with pw'), 'a text that is no URL');
  const error = Object.assign(new Error('password authentication failed for user "u"'), { code: '28P01' });
  assert.equal(
    connectionRefusal('postgresql://u:pw@h/d', error).message,
    'Cannot use PostgreSQL at postgresql://u:***@h/d: password authentication failed for user "u"; it refuses the password: correct user and password in DATABASE_URL',
  );
});

test('the URL of a socket keeps any folder', () => {
  fc.assert(
    fc.property(anyText, (folder) => assert.equal(new URL(socketUrl(folder)).searchParams.get('host'), folder)),
  );
});

test('a socket folder that would be too long goes to the folder for temporary files', () => {
  assert.equal(socketFolderFor('/data/postgres', '/tmp', 5), '/data/postgres/run');
  const long = `/${'x'.repeat(84)}`;
  assert.equal(socketFolderFor(long, '/tmp', 5), `${long}/run`);
  assert.match(socketFolderFor(`${long}x`, '/tmp', 5), /^\/tmp\/rampart-[0-9a-f]{16}$/);
  assert.notEqual(socketFolderFor(`${long}x`, '/tmp', 5), socketFolderFor(`${long}x`, '/tmp', 6));
});

test('maySearch goes by the one class of permissions that applies', () => {
  const account = { uid: 100, gid: 200 };
  assert.equal(maySearch({ uid: 0, gid: 0, mode: 0o40755 }, account), true);
  assert.equal(maySearch({ uid: 0, gid: 0, mode: 0o40700 }, account), false);
  assert.equal(maySearch({ uid: 100, gid: 0, mode: 0o40700 }, account), true);
  assert.equal(maySearch({ uid: 0, gid: 200, mode: 0o40710 }, account), true);
  assert.equal(maySearch({ uid: 100, gid: 200, mode: 0o40077 }, account), false, 'the owner is not among the others');
});

test('toStoreError tells busy, unavailable and rejected apart, and leaves bugs alone', () => {
  const reasonOf = (error: unknown, isFull = false) => {
    const found = toStoreError('do it', error, () => isFull);
    return found instanceof StoreError ? found.reason : 'bug';
  };
  const coded = (code: string) => Object.assign(new Error('said'), { code });
  const timeout = new Error('timeout exceeded when trying to connect');
  assert.equal(reasonOf(timeout, true), 'busy');
  assert.equal(reasonOf(timeout, false), 'unavailable');
  for (const code of ['ECONNREFUSED', '57P01', '53300', '08006', '40P01', 'P1001', 'P2024'])
    assert.equal(reasonOf(coded(code)), 'unavailable', code);
  for (const code of ['22021', '23503', '54000']) assert.equal(reasonOf(coded(code)), 'rejected', code);
  for (const error of [new TypeError('x is not a function'), coded('P2025'), 'text'])
    assert.equal(reasonOf(error), 'bug');
});

test('thisProcess knows itself, and no process that has ended', () => {
  const owner = thisProcess();
  assert.match(owner.name, new RegExp(`^${process.pid}-[0-9a-f]{8}$`));
  assert.equal(owner.isAlive(owner.name), true);
  assert.equal(owner.isAlive(`${process.pid}-00000000`), false, 'the same id in another life');
  assert.equal(owner.isAlive('999999999-00000000'), false);
});
