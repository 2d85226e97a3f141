import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { causes } from '../../../src/policy/verdict/causes.ts';
import { markdownHtml } from '../../../src/control/markdown-page.ts';

test('markdownHtml makes headings with ids, paragraphs, lists, tables and code', () => {
  const text = [
    '# Title',
    '',
    'One `a<b` and **bold** line',
    'goes on. See [here](#backend-down) and [there](tuning.md).',
    '',
    '## backend-down',
    '**Means:** it is down.',
    '**Do:** start it.',
    '',
    '- one',
    '- two',
    '  more',
    '',
    '| a | b |',
    '|---|---:|',
    '| 1 | `2` |',
    '',
    '```sh',
    'curl "x" &',
    '',
    'echo',
    '```',
  ].join('\n');
  assert.deepEqual(markdownHtml(text).split('\n'), [
    '<h1 id="title">Title</h1>',
    '<p>One <code>a&lt;b</code> and <strong>bold</strong> line goes on. See <a href="#backend-down">here</a> and there.</p>',
    '<h2 id="backend-down">backend-down</h2>',
    '<p><strong>Means:</strong> it is down.</p>',
    '<p><strong>Do:</strong> start it.</p>',
    '<ul><li>one</li><li>two more</li></ul>',
    '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td><code>2</code></td></tr></tbody></table>',
    '<pre><code>curl &quot;x&quot; &amp;',
    '',
    'echo</code></pre>',
  ]);
});

test('no text becomes markup by itself', () => {
  const html = markdownHtml('# <img src=x>\n\n<script>alert(1)</script> `<b>`\n\n| <i> |\n|---|\n| "q" |\n\n- <u>');
  assert.doesNotMatch(html, /<(img|script|b|i|u)\b/);
});

test('the runbook has the section of every cause', () => {
  const html = markdownHtml(readFileSync(new URL('../../../docs/runbook.md', import.meta.url), 'utf8'));
  for (const cause of Object.keys(causes)) assert.ok(html.includes(`id="${cause}"`), cause);
});
