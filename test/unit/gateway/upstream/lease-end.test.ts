import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseEnd } from '../../../../src/gateway/upstream/lease-end.ts';

test('a host without a lease is unready for two seconds, once, because without Valkey it must serve too', () => {
  const end = new LeaseEnd();
  assert.equal(end.unreadyBecause(0), undefined);
  end.useStanding('new', 1000);
  assert.match(end.unreadyBecause(2999) ?? '', /no lease in its fleet yet/);
  assert.equal(end.unreadyBecause(3000), undefined);
  end.useStanding('new', 5000);
  assert.equal(end.unreadyBecause(5001), undefined);
});

test('a host with its lease is ready, and one whose name another process has is not, for as long as that is so', () => {
  const end = new LeaseEnd();
  end.useStanding('new', 0);
  end.useStanding('member', 10);
  assert.equal(end.unreadyBecause(11), undefined);
  end.useStanding('superseded', 20);
  assert.match(end.unreadyBecause(1e9) ?? '', /another process runs under the name/);
  end.useStanding('member', 2e9);
  assert.equal(end.unreadyBecause(2e9), undefined);
});
