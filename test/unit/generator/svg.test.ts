import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeXml, toSvg } from '../../../src/generator/svg.ts';

test('toSvg writes all runs as one path on white, in units of modules', () => {
  const bands = [
    { y: 1, height: 2, runs: [1, 1, 3, 2] },
    { y: 3, height: 1, runs: [2, 1] },
  ];
  assert.equal(
    toSvg({ width: 6, height: 5, bands, labels: [] }, 4),
    '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="20" viewBox="0 0 6 5" shape-rendering="crispEdges">' +
      '<path fill="#fff" d="M0 0h6v5H0z"/><path d="M1 1h1v2h-1zM3 1h2v2h-2zM2 3h1v1h-1z"/></svg>',
  );
});

test('toSvg escapes the text below the bars', () => {
  const labels = [{ text: '</text><script>"&\'', x: 1, y: 2, advance: 6 }];
  const svg = toSvg({ width: 6, height: 5, bands: [], labels }, 1);
  assert.ok(svg.includes('>&lt;/text&gt;&lt;script&gt;&quot;&amp;&apos;</text></svg>'), svg);
});

test('escapeXml puts spaces for what XML cannot hold', () => {
  assert.equal(escapeXml('a\0b\x1bc\x7fd\ufffe'), 'a b c d ');
});
