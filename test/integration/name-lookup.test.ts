import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { lookUpBackends } from '../../src/control/name-lookup.ts';
import type { DiscoverConfig } from '../../src/config/discover.ts';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';

describe('lookUpBackends', () => {
  let server: DnsServer;
  before(async () => {
    server = await startDnsServer();
  });
  after(() => server.close());

  const lookUp = (more: Partial<DiscoverConfig> = {}) =>
    lookUpBackends({
      kind: 'addresses',
      name: 'app.internal',
      port: 80,
      scheme: 'http',
      servers: [server.address],
      minMs: 1000,
      maxMs: 60_000,
      ...more,
    });

  test('takes addresses of both versions, and their shortest TTL', async () => {
    server.zone.set('app.internal A', { type: 'A', addresses: ['10.0.0.1', '10.0.0.2'], ttl: 30 });
    server.zone.set('app.internal AAAA', { type: 'AAAA', addresses: ['20010db8000000000000000000000001'], ttl: 7 });
    const { found, ttlMs } = await lookUp();
    assert.deepEqual(
      found.map(({ address, port }) => `${address} ${port}`),
      ['10.0.0.1 80', '10.0.0.2 80', '2001:db8::1 80'],
    );
    assert.equal(ttlMs, 7000);
  });

  test('a name without records of one version is whole, and one without any is empty', async () => {
    server.zone.set('app.internal AAAA', 'empty');
    assert.equal((await lookUp()).found.length, 2);
    for (const none of ['empty', 'nxdomain'] as const) {
      server.zone.set('app.internal A', none);
      assert.deepEqual(await lookUp(), { found: [], ttlMs: undefined });
    }
  });

  test('takes a truncated answer over TCP', async () => {
    const addresses = Array.from({ length: 200 }, (_, index) => `10.0.1.${index}`);
    server.zone.set('app.internal A', { truncated: { type: 'A', addresses } });
    assert.equal((await lookUp()).found.length, 200);
  });

  test('a failure of one half is a failure of all', async () => {
    const faults = ['servfail', 'garbage', 'cut', 'wrong-id', 'silence'] as const;
    const asked = faults.map((fault) => {
      server.zone.set(`${fault}.internal A`, fault);
      server.zone.set(`${fault}.internal AAAA`, { type: 'AAAA', addresses: ['20010db8000000000000000000000001'] });
      return assert.rejects(lookUp({ name: `${fault}.internal` }), fault);
    });
    await Promise.all(asked);
  });

  test('takes services with their ports and priorities, and a target of the root means none', async () => {
    server.zone.set('_http._tcp.app.internal SRV', {
      type: 'SRV',
      targets: [
        { name: 'a.internal', port: 3000, priority: 1 },
        { name: 'b.internal', port: 3001, priority: 2 },
      ],
    });
    server.zone.set('a.internal A', { type: 'A', addresses: ['10.0.0.1'], ttl: 20 });
    server.zone.set('b.internal A', { type: 'A', addresses: ['10.0.0.2'], ttl: 40 });
    const services = { kind: 'services', name: '_http._tcp.app.internal', port: 0 } as const;
    assert.deepEqual(await lookUp(services), {
      found: [
        { address: '10.0.0.1', port: 3000, priority: 1 },
        { address: '10.0.0.2', port: 3001, priority: 2 },
      ],
      ttlMs: 20_000,
    });
    server.zone.set('b.internal A', 'servfail');
    await assert.rejects(lookUp(services));
    server.zone.set('_http._tcp.app.internal SRV', { type: 'SRV', targets: [{ name: '', port: 0 }] });
    assert.deepEqual((await lookUp(services)).found, []);
  });
});
