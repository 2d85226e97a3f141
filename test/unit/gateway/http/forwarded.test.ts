import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forwardedLines, remember, type SaidOfForwarding } from '../../../../src/gateway/http/forwarded.ts';

/** The lines for a backend when a trusted peer sends these. */
function lines(fields: readonly (readonly [string, string])[]): Record<string, string> {
  const said: SaidOfForwarding = {};
  for (const [name, value] of fields) remember(said, name, value);
  const out = forwardedLines('127.0.0.1', { host: 'me.example', proto: 'http' }, said);
  return Object.fromEntries(out.flatMap((name, index) => (index % 2 === 0 ? [[name, out[index + 1] as string]] : [])));
}
const own = 'for=127.0.0.1;host=me.example;proto=http';

test('a Forwarded that a proxy passed on does not contradict the X-Forwarded-For that it wrote', () => {
  for (const forged of [
    'for=6.6.6.6',
    'for=6.6.6.6;proto=https;host=evil',
    'for=1.2.3.4;proto=https',
    'for=1.2.3.4;host=evil',
  ]) {
    assert.deepEqual(
      lines([
        ['forwarded', forged],
        ['x-forwarded-for', '1.2.3.4'],
      ]),
      {
        'x-forwarded-for': '1.2.3.4, 127.0.0.1',
        'x-forwarded-host': 'me.example',
        'x-forwarded-proto': 'http',
        forwarded: `for=1.2.3.4, ${own}`,
      },
      forged,
    );
  }
});

test('a Forwarded that says the same is kept as it is', () => {
  for (const [forwarded, hops] of [
    ['for=1.2.3.4;by=_a', '1.2.3.4'],
    ['for=1.2.3.4;proto=https, for="[2001:db8::1]:80"', '1.2.3.4, 2001:db8::1'],
    ['For=unknown;Host=pub', 'unknown'],
  ] as const) {
    const got = lines([
      ['x-forwarded-for', hops],
      ['x-forwarded-proto', 'https'],
      ['x-forwarded-host', 'pub'],
      ['forwarded', forwarded],
    ]);
    assert.equal(got['forwarded'], `${forwarded}, ${own}`);
    assert.equal(got['x-forwarded-for'], `${hops}, 127.0.0.1`);
  }
});

test('X-Forwarded-* follows a Forwarded that stands alone', () => {
  const got = lines([['forwarded', 'for="[2001:db8::1]:4711";host="pub:8080";proto=https, for=9.9.9.9;proto=http']]);
  assert.deepEqual(got, {
    'x-forwarded-for': '2001:db8::1, 9.9.9.9, 127.0.0.1',
    'x-forwarded-host': 'pub:8080',
    'x-forwarded-proto': 'https',
    forwarded: `for="[2001:db8::1]:4711";host="pub:8080";proto=https, for=9.9.9.9;proto=http, ${own}`,
  });
  // A proxy may add its scheme to what it passes on.
  const mixed = lines([
    ['forwarded', 'for=1.2.3.4;proto=https'],
    ['x-forwarded-proto', 'http'],
  ]);
  assert.equal(mixed['x-forwarded-proto'], 'http');
  assert.equal(mixed['forwarded'], `for=1.2.3.4;proto=http, ${own}`);
});

test('an invalid part does not hide the parts behind it', () => {
  for (const [forwarded, left] of [
    ['for="x, for=9.9.9.9', ['9.9.9.9']],
    ['for="a;b, for=1.1.1.1, for=9.9.9.9;proto="ht"tp, for=2.2.2.2', ['2.2.2.2']],
    ['junk', []],
    ['for="a\\", for=9.9.9.9', ['9.9.9.9']],
    [';;;,,, for=9.9.9.9', ['9.9.9.9']],
    ['for=1.1.1.1, by=_b', ['1.1.1.1', 'unknown']],
  ] as const) {
    const got = lines([['forwarded', forwarded]]);
    assert.equal(got['x-forwarded-for'], [...left, '127.0.0.1'].join(', '), forwarded);
    assert.equal((got['forwarded']?.match(/"/g) ?? []).length % 2, 0, forwarded);
    assert.ok(got['forwarded']?.endsWith(own));
  }
});

test('empty members and values say nothing', () => {
  assert.deepEqual(
    lines([
      ['x-forwarded-for', ',,, 1.2.3.4 ,,'],
      ['x-forwarded-host', ''],
      ['x-forwarded-proto', ''],
    ]),
    {
      'x-forwarded-for': '1.2.3.4, 127.0.0.1',
      'x-forwarded-host': 'me.example',
      'x-forwarded-proto': 'http',
      forwarded: `for=1.2.3.4, ${own}`,
    },
  );
  assert.equal(lines([['x-forwarded-for', '']])['x-forwarded-for'], '127.0.0.1');
  assert.equal(lines([['forwarded', ',']])['forwarded'], own);
});
