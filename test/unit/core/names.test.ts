import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressProblem, AddressSet, canonicalAddress } from '../../../src/core/addresses.ts';
import { canonicalHost } from '../../../src/core/host.ts';

test('C1: canonicalHost gives one form to all spellings of an origin', () => {
  for (const host of [
    'shop.example',
    'SHOP.example',
    'shop.example:80',
    'shop.example.',
    'Shop.Example.:80',
    'shop.example:',
    'shop.example:080',
  ])
    assert.equal(canonicalHost(host), 'shop.example', host);
  assert.equal(canonicalHost('shop.example:443', 'https'), 'shop.example');
  assert.equal(canonicalHost('shop.example:443'), 'shop.example:443');
  assert.equal(canonicalHost('BÜCHER.example'), 'xn--bcher-kva.example');
  assert.equal(canonicalHost('[2001:DB8::1]:80'), '[2001:db8::1]');
  assert.equal(canonicalHost('[2001:DB8::1]:8080'), '[2001:db8::1]:8080');
  assert.equal(canonicalHost('a_b.example:81'), 'a_b.example:81');
  for (const host of ['[::1]', '[0:0::1]', '[0:0:0:0:0:0:0:1]:80', '[::0001]:'])
    assert.equal(canonicalHost(host), '[::1]', host);
  assert.equal(canonicalHost('[2001:0db8:0::0:1]:8080'), '[2001:db8::1]:8080');
  assert.equal(canonicalHost('[::ffff:1.2.3.4]'), canonicalHost('[::FFFF:102:304]'));
  assert.equal(canonicalHost('[1:2]'), '[1:2]');
});

test('D4: canonicalAddress gives one form to all spellings of an address', () => {
  for (const text of ['127.0.0.1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:1'])
    assert.equal(canonicalAddress(text), '127.0.0.1', text);
  for (const text of ['::1', '0:0:0:0:0:0:0:1', '::0001', '::1%lo']) assert.equal(canonicalAddress(text), '::1', text);
  assert.equal(canonicalAddress('unknown'), 'unknown');
});

test('AddressSet compares addresses and ranges by value', () => {
  const set = new AddressSet([
    '0:0:0:0:0:0:0:1',
    '::ffff:7f00:1',
    '10.0.0.0/8',
    '2001:db8::/32',
    '::ffff:192.168.0.0/112',
  ]);
  for (const inside of [
    '::1',
    '127.0.0.1',
    '::ffff:127.0.0.1',
    '10.255.0.1',
    '::ffff:10.1.2.3',
    '2001:DB8:1::',
    '192.168.7.7',
  ])
    assert.equal(set.has(inside), true, inside);
  for (const outside of ['::2', '127.0.0.2', '11.0.0.1', '2001:db9::1', '192.169.0.1', 'unknown', ''])
    assert.equal(set.has(outside), false, outside);
  assert.equal(new AddressSet([]).has('127.0.0.1'), false);
});

test('addressProblem says what an address or a range looks like', () => {
  for (const good of ['10.0.0.1', '10.0.0.0/8', '::1', '2001:db8::/32', '::1%lo'])
    assert.equal(addressProblem(good), undefined);
  for (const bad of ['10.0.0.0/33', '10.0.0', 'localhost', '::/129', '10.0.0.0/8/8', ''])
    assert.match(addressProblem(bad) ?? '', /must be an address .* or a range such as 10\.0\.0\.0\/8: got/, bad);
});
