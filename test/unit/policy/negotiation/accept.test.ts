import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseType } from '../../../../src/policy/negotiation/accept.ts';

const offered = ['image/svg+xml', 'image/png', 'application/json'];

for (const [accept, chosen] of [
  [undefined, 'image/svg+xml'],
  ['*/*', 'image/svg+xml'],
  ['image/png', 'image/png'],
  ['IMAGE/PNG', 'image/png'],
  ['application/json', 'application/json'],
  ['application/json, text/plain, */*', 'image/svg+xml'],
  ['application/json, */*;q=0.5', 'application/json'],
  ['image/*;q=0.8, application/json;q=0.9', 'application/json'],
  ['image/*, image/svg+xml;q=0', 'image/png'],
  ['image/png;q=0.2, image/svg+xml;q=0.1', 'image/png'],
  ['application/json;version=1', 'application/json'],
  ['text/html', undefined],
  ['*/*;q=0', undefined],
  ['', undefined],
  [';;;,,/,q=1', undefined],
] as const) {
  test(`chooseType answers ${accept ?? 'nothing'} with ${chosen ?? 'nothing'}`, () => {
    assert.equal(chooseType(accept, offered), chosen);
  });
}
