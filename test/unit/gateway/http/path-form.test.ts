import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalPath, pathForm } from '../../../../src/gateway/http/path-form.ts';

test('pathForm: dot segments are refused in every spelling', () => {
  for (const path of [
    '/a/../b',
    '/a/./b',
    '/..',
    '/a/%2e%2E/b',
    '/a/.%2e',
    '/a/..;x/b',
    '/a%2f..%2fb',
    '/a/..%2fb',
    '/%2e',
  ])
    assert.equal(pathForm(path), 'refused', path);
  for (const path of ['/a.b', '/..c', '/.well-known/x', '/a..']) assert.equal(pathForm(path), 'plain', path);
});

test('A6: pathForm: what RFC 3986 allows and readers disagree about is ambiguous', () => {
  for (const path of ['/@scope%2Fpkg', '/%7Ebob', '/x//y', '/a;jsessionid=1', '/%41', '//a'])
    assert.equal(pathForm(path), 'ambiguous', path);
  for (const path of ['/a%2Bb', '/a%20b', '/caf%C3%A9', '/a%252Fb', '/a|b'])
    assert.equal(pathForm(path), 'plain', path);
});

test('canonicalPath is the path for a reader that decodes, drops parameters and merges slashes', () => {
  assert.equal(canonicalPath('//admin///x'), '/admin/x');
  assert.equal(canonicalPath('/%61dmin/x;v=1'), '/admin/x');
  assert.equal(canonicalPath('/a%2Fb/'), '/a/b/');
});
