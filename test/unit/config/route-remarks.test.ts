import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeRemarks } from '../../../src/config/route-remarks.ts';

const route = (path: string, authenticate: boolean, methods?: string[]) => ({
  endpoint: path,
  path,
  authenticate,
  methods,
});
/** The guarded routes that are remarked on, with the spelling. */
const remarked = (...routes: ReturnType<typeof route>[]): string[] =>
  routeRemarks(routes).map((text) => text.replace(/^(\S+) .* and (\S+) goes to (\S+) .*$/, '$1 by $2 to $3'));

test('C26: a route with a key beside an open one that takes another spelling of its path', () => {
  assert.deepEqual(remarked(route('/admin/*', true), route('/*', false)), ['/admin/* by /ADMIN/0 to /*']);
  assert.deepEqual(remarked(route('/42/*', true), route('/*', false)), ['/42/* by /42 to /*']);
  assert.deepEqual(remarked(route('/a/users', true), route('/A/*', false)), ['/a/users by /A/USERS to /A/*']);
  assert.deepEqual(remarked(route('/42', true), route('/*', false)), ['/42 by /42/ to /*']);
});

test('no remark where no open route takes the other spellings', () => {
  assert.deepEqual(remarked(route('/admin/*', true)), []);
  assert.deepEqual(remarked(route('/admin/*', true), route('/public/*', false)), []);
  assert.deepEqual(remarked(route('/admin/*', true), route('/*', true)), []);
  assert.deepEqual(remarked(route('/*', true), route('/health', false)), []);
  assert.deepEqual(remarked(route('/admin', true, ['POST']), route('/*', false, ['POST']), route('/ADMIN', true)), [
    '/admin by /admin/ to /*',
  ]);
});

test('a route with a key that leaves a request to an open one, by its method or by its conditions', () => {
  const admin = route('/admin/:id', true, ['POST']);
  assert.deepEqual(routeRemarks([admin, route('/admin/:x', false, ['GET'])]), [
    '/admin/:id (/admin/:id) needs a key and takes POST; GET of its paths goes to /admin/:x (/admin/:x) without one',
  ]);
  const beta = { ...route('/a', true), endpoint: 'beta', headers: { 'x-version': 'beta' } };
  assert.deepEqual(routeRemarks([beta, route('/a', false), route('/A', true), route('/a/', true)]), [
    'beta (/a) needs a key; a request that does not meet its conditions goes to /a (/a) without one',
  ]);
  assert.deepEqual(routeRemarks([admin, route('/admin/*', true)]), []);
  assert.deepEqual(
    routeRemarks([
      { ...admin, host: 'a.example' },
      { ...route('/*', false), host: 'b.example' },
    ]),
    [],
  );
});

test('routes of which neither is the narrower one', () => {
  assert.deepEqual(routeRemarks([route('/:a/b', true), route('/a/:b', true)]), [
    '/a/:b (/a/:b) and /:a/b (/:a/b) both take /a/b; /a/:b is asked first',
  ]);
});
