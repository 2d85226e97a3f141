import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AddressSet } from '../../../../src/core/addresses.ts';
import { networkOf } from '../../../../src/core/addresses.ts';
import { clientNetwork } from '../../../../src/gateway/http/client-network.ts';
import { Exchange } from '../../../../src/gateway/exchange.ts';
import { type RequestHead, unreadHead } from '../../../../src/gateway/http/request-head.ts';
import { GatewayMetrics } from '../../../../src/gateway/metrics.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { MemoryClient } from '../../../support/memory-client.ts';

interface Seen {
  readonly peer: string | undefined;
  readonly head: RequestHead;
}

/** A request of this peer with these header lines. */
function request(peer: string | undefined, lines: string[] = []): Seen {
  const names = lines.filter((_, index) => index % 2 === 0);
  return { peer, head: { ...unreadHead, names, lines } };
}

const networkFor = ({ peer, head }: Seen, among: AddressSet): string => clientNetwork(peer, head, among);

/** The queue's name for whoever asks, without a key. */
function fairKey(peerAddress: string, lines: string[]): string {
  const unmatched = new GatewayMetrics(quietInstruments().registry).endpoint('unmatched');
  const gateway = { unmatched, trustedProxies: trusted, viaName: '', serverTiming: false, ended() {} };
  const x = new Exchange(new MemoryClient({ peerAddress }), 0, gateway);
  x.head = request(peerAddress, lines).head;
  return x.fairKey;
}

const trusted = new AddressSet(['10.0.0.1', '10.0.0.2', '2001:db8::1']);
const behind = (...lines: string[]): string => networkFor(request('10.0.0.1', lines), trusted);

test('Exchange.fairKey distinguishes clients behind a trusted proxy, and ignores the fields of other peers', () => {
  assert.equal(fairKey('10.0.0.1', ['x-forwarded-for', '198.51.100.1']), '198.51.100.1');
  assert.equal(fairKey('10.0.0.1', ['x-forwarded-for', '198.51.100.2']), '198.51.100.2');
  assert.equal(fairKey('192.0.2.1', ['x-forwarded-for', '198.51.100.2']), '192.0.2.1');
});

describe('clientNetwork', () => {
  test('is the peer, whatever it says, unless it is trusted', () => {
    assert.equal(networkFor(request('192.0.2.1'), new AddressSet([])), '192.0.2.1');
    assert.equal(networkFor(request('::ffff:192.0.2.1'), trusted), '192.0.2.1');
    assert.equal(networkFor(request('192.0.2.1', ['x-forwarded-for', '198.51.100.1']), trusted), '192.0.2.1');
    assert.equal(networkFor(request(undefined), trusted), 'unknown');
    assert.equal(behind(), '10.0.0.1');
  });

  test('is the last address that is not trusted', () => {
    assert.equal(behind('x-forwarded-for', '203.0.113.1, 198.51.100.1'), '198.51.100.1');
    assert.equal(behind('x-forwarded-for', '203.0.113.1, 198.51.100.1,10.0.0.2'), '198.51.100.1');
    assert.equal(behind('x-forwarded-for', '203.0.113.1', 'x-forwarded-for', '198.51.100.1'), '198.51.100.1');
    assert.equal(behind('x-forwarded-for', '10.0.0.2'), '10.0.0.2');
    assert.equal(behind('x-forwarded-for', '198.51.100.1:5000'), '198.51.100.1');
    assert.equal(behind('x-forwarded-for', '[2001:db8:5::7]:5000, 2001:db8::1'), '2001:db8:5:0::/64');
  });

  test('takes Forwarded where there is no X-Forwarded-For', () => {
    assert.equal(behind('forwarded', 'for=203.0.113.1;proto=http, For="198.51.100.1:80"'), '198.51.100.1');
    assert.equal(behind('forwarded', 'proto=http;for="[2001:DB8:5::7]:80"'), '2001:db8:5:0::/64');
    assert.equal(behind('forwarded', 'for=203.0.113.1', 'x-forwarded-for', '198.51.100.1'), '198.51.100.1');
  });

  test('stops at a hop that is not an address', () => {
    assert.equal(behind('x-forwarded-for', '203.0.113.1, unknown'), '10.0.0.1');
    assert.equal(behind('x-forwarded-for', '203.0.113.1, , 10.0.0.2'), '10.0.0.2');
    assert.equal(behind('forwarded', 'for=203.0.113.1, for=_hidden'), '10.0.0.1');
    assert.equal(behind('forwarded', 'proto=http'), '10.0.0.1');
  });
});

describe('networkOf', () => {
  test('is the /64 of an IPv6 address, in one spelling', () => {
    const cases: [address: string, network: string][] = [
      ['192.0.2.1', '192.0.2.1'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
      ['2001:db8::1', '2001:db8:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['1:2:3::7:8', '1:2:3:0::/64'],
      ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
      ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
    ];
    for (const [address, network] of cases) assert.equal(networkOf(address), network, address);
  });
});
