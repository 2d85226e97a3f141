import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword, hasPassword, isPasswordHash } from '../../../src/core/password-hash.ts';

const salt = 'A'.repeat(22);
const key = 'A'.repeat(43);
const withParameters = (cost: number, blockSize: number, parallel: number): string =>
  `scrypt$${cost}$${blockSize}$${parallel}$${salt}$${key}`;

test('a hash with parameters that scrypt cannot use is none', async () => {
  for (const [cost, blockSize, parallel] of [
    [2, 1, 50],
    [2, 1, 17],
    [2, 1, 0],
    [2, 17, 1],
    [65_536, 1, 1],
    [262_144, 8, 1],
    [3, 8, 1],
  ] as const) {
    assert.equal(isPasswordHash(withParameters(cost, blockSize, parallel)), false, `${cost} ${blockSize} ${parallel}`);
    assert.equal(await hasPassword(withParameters(cost, blockSize, parallel), 'x'), false);
  }
});

test('every hash that is accepted can be checked', async () => {
  for (const [cost, blockSize, parallel] of [
    [2, 1, 1],
    [2, 1, 16],
    [2, 16, 16],
    [32_768, 1, 1],
    [16_384, 8, 2],
    [131_072, 2, 1],
  ] as const) {
    assert.equal(isPasswordHash(withParameters(cost, blockSize, parallel)), true);
    assert.equal(await hasPassword(withParameters(cost, blockSize, parallel), 'x'), false);
  }
  assert.equal(await hasPassword(await hashPassword('right'), 'right'), true);
});
