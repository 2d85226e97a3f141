import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeMarkdown, escapeText, oneLine, shortened } from '../../../../src/lab/report/harmless.ts';

test('escapeText leaves no character that could end text or an attribute', () => {
  assert.equal(escapeText(`<a b="c" d='e'>&`), '&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;');
});

test('no form keeps control characters, marks of direction or half a character', () => {
  const text = `a\u001b[31mb\u202Ec\u0000d\uD800e`;
  for (const form of [escapeText, oneLine, escapeMarkdown]) {
    assert.doesNotMatch(form(text), /\p{Cc}|\p{Cs}|\u202E/u);
  }
  assert.equal(oneLine(text), 'a[31mbcd\uFFFDe');
  assert.equal(oneLine('שלום'), 'שלום', 'but text from right to left stays');
});

test('escapeMarkdown keeps a cell whole, and names nobody', () => {
  assert.equal(escapeMarkdown('a|b\n<i>`c`*d*[e](f)'), String.raw`a\|b \<i\>\`c\`\*d\*\[e\](f)`);
  assert.equal(escapeMarkdown('GATEWAY_WORKERS=2 _x_'), String.raw`GATEWAY_WORKERS=2 \_x\_`);
  assert.equal(escapeMarkdown('@everyone #12'), '@\u2060everyone #\u206012');
});

test('shortened cuts by characters, and says that it did', () => {
  assert.deepEqual([shortened('abcd', 4), shortened('abcde', 4), shortened('😀😀😀', 2)], ['abcd', 'abc…', '😀…']);
});
