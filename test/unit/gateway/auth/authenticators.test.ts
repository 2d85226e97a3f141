import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JwtConfig, RouteConfig } from '../../../../src/config/model.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { JwtAuthenticator } from '../../../../src/gateway/auth/jwt-authenticator.ts';
import { fixedKeys } from '../../../../src/gateway/auth/key-set.ts';
import { Authenticators } from '../../../../src/gateway/auth/open.ts';
import type { GatewayContext } from '../../../../src/gateway/context.ts';
import type { Exchange } from '../../../../src/gateway/exchange.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';
import type { RouteReuse } from '../../../../src/gateway/routes/route-reuse.ts';

test('a route whose settings are missing is never open', () => {
  const reuse = { part: (_name: string, make: () => unknown) => make() } as unknown as RouteReuse;
  const authenticators = new Authenticators({} as GatewayContext, () => assert.fail('no upstream is needed'), reuse);
  const of = (authentication: string) =>
    authenticators.of({ endpoint: 'shop', authentication } as unknown as RouteConfig);
  assert.equal(of('none'), undefined);
  for (const way of ['jwt', 'basic', 'forward', 'later'])
    assert.throws(() => of(way), new RegExp(`the route shop has no settings for authenticate: '${way}'`));
});

test('a token that was valid is verified again while a guesser is behind the same address', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const config: JwtConfig = {
    issuer: ['i'],
    audience: ['a'],
    jwksUrl: undefined,
    jwks: undefined,
    algorithms: ['ES256'],
    clockSkewSeconds: 0,
    claimsToHeaders: {},
    require: {},
    cookie: undefined,
  };
  const tooMany = new Refusal('rate-limited', 'too many');
  let isGuessing = false;
  let now = Date.now();
  const authenticator = new JwtAuthenticator(config, {
    clock: { ...systemClock, wallNow: () => now },
    keys: fixedKeys({ keys: [{ ...(await exportJWK(publicKey)), kty: 'EC' }] }, () => {}),
    mayVerify: () => (isGuessing ? tooMany : undefined),
  });
  const signed = async (sub: string): Promise<Exchange> => {
    const token = await new SignJWT({ sub })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('i')
      .setAudience('a')
      .setExpirationTime(Math.floor(now / 1000) + 3600)
      .sign(privateKey);
    return { head: { authorization: `Bearer ${token}`, names: [] } } as unknown as Exchange;
  };
  const [known, other] = [await signed('ann'), await signed('bob')];
  const idOf = (found: unknown): unknown => (found as { id: unknown }).id;
  assert.equal(idOf(await authenticator.identify(known)), 'jwt:i:ann');
  isGuessing = true;
  now += 6 * 60_000;
  assert.equal(idOf(await authenticator.identify(known)), 'jwt:i:ann');
  assert.equal(await authenticator.identify(other), tooMany);
  now += 3600_000;
  const expired = await authenticator.identify(known);
  assert.ok(expired instanceof Refusal && expired.extras.isGuess !== true, 'an expired token is no guess');
});
