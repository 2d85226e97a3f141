import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameChange } from '../../../../src/cli/top/frame.ts';
import { clipped } from '../../../../src/cli/top/text.ts';
import { styleOf } from '../../../../src/cli/top/terminal.ts';
import { tableOf } from '../../../../src/cli/top/tables.ts';
import { Pen } from '../../../../src/cli/top/style.ts';
import { afterKey, initialState, keysIn, type TopState, visibleRows } from '../../../../src/cli/top/top-state.ts';
import { degradedView } from '../../../support/live-view.ts';

const typed = (bytes: string, state: TopState = initialState): TopState =>
  keysIn(bytes).reduce((before, key) => afterKey(before, key, 6), state);

test('keysIn: arrows of both modes, named keys, characters; other escape sequences and controls are nothing', () => {
  assert.deepEqual(keysIn('\u001b[A\u001bOB\r\t\u007f\u0003é'), [
    'up',
    'down',
    'enter',
    'tab',
    'backspace',
    'interrupt',
    { text: 'é' },
  ]);
  assert.deepEqual(keysIn('\u001b[5~\u001b[1;5C\u0000'), []);
  assert.deepEqual(keysIn('\u001b'), ['escape']);
});

test('keys change the state: table, order, filter, pause, help, end', () => {
  assert.equal(typed('\t').table, 'endpoints');
  assert.equal(typed('\t\t\t').table, 'backends');
  assert.equal(typed('ss').sortBy, 2);
  assert.equal(typed('S').sortBy, 5);
  assert.equal(typed('p').isPaused, true);
  assert.equal(typed('?').isHelp, true);
  assert.equal(typed('?\u001b').isHelp, false);
  assert.equal(typed('q').isOver, true);
  assert.equal(typed('\u0003').isOver, true);
});

test('what is typed into the filter is text until Enter, and Escape clears it', () => {
  const typing = typed('/qpx\u007f');
  assert.deepEqual([typing.filter, typing.isTyping, typing.isOver, typing.isPaused], ['qp', true, false, false]);
  assert.deepEqual([typed('\r', typing).filter, typed('\r', typing).isTyping], ['qp', false]);
  assert.equal(typed('\u001b', typing).filter, '');
  assert.equal(typed('\u0003', typing).isOver, true);
});

test('rows: figures fall, names rise, reversed by r', () => {
  const table = tableOf('backends', degradedView, new Pen({ isColored: false, isUnicode: true }));
  const names = (state: Partial<TopState>): string[] =>
    visibleRows(table, { ...initialState, ...state }).map(({ name }) => name);
  assert.deepEqual(names({}), ['app/a', 'app/b']);
  assert.deepEqual(names({ isReversed: true }), ['app/b', 'app/a']);
  assert.deepEqual(names({ sortBy: 3 }), ['app/a', 'app/b']);
  assert.deepEqual(names({ filter: 'B' }), ['app/b']);
  assert.deepEqual(names({ isBadOnly: true }), ['app/b']);
});

test('frameChange writes the lines that differ, and everything at first', () => {
  assert.equal(frameChange(['a', 'b'], ['a', 'b']), '');
  assert.equal(frameChange(['a', 'b'], ['a', 'c']), '\u001b[?2026h\u001b[2;1Hc\u001b[K\u001b[?2026l');
  assert.ok(frameChange(undefined, ['a']).includes('\u001b[2J\u001b[1;1Ha'));
});

test('clipped counts cells, not the bytes of colors', () => {
  assert.equal(clipped('\u001b[31mabcdef\u001b[0m', 4, '…'), '\u001b[31mabc…\u001b[0m');
  assert.equal(clipped('abc', 3, '…'), 'abc');
});

test('styleOf: NO_COLOR, TERM=dumb, a locale without UTF-8, and the option above all', () => {
  assert.deepEqual(styleOf({ LANG: 'C.UTF-8', TERM: 'xterm' }, undefined), { isColored: true, isUnicode: true });
  assert.deepEqual(styleOf({ LANG: 'C.UTF-8', NO_COLOR: '1' }, undefined), { isColored: false, isUnicode: true });
  assert.deepEqual(styleOf({ LANG: 'C.UTF-8', TERM: 'dumb' }, undefined), { isColored: false, isUnicode: false });
  assert.deepEqual(styleOf({ LC_ALL: 'C', LANG: 'C.UTF-8' }, true), { isColored: true, isUnicode: false });
});
