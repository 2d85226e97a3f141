// A shop with three hosts: the storefront with a canary, its API for pages and apps, and the back office.
//   npm run -s rampart -- route 'GET https://api.shop.example/v1/orders/7'   with RAMPART_CONFIG=examples/shop/rampart.config.ts
import { defineConfig } from 'rampart/config';

export default defineConfig({
  trustedProxies: ['10.0.0.0/8'],
  // Rampart's own endpoints hide nothing of the shop.
  builtin: { host: 'rampart.internal' },
  errorPages: { '5xx': { file: 'busy.html' } },
  jwt: {
    issuer: 'https://id.shop.example',
    audience: 'shop',
    jwksUrl: 'https://id.shop.example/.well-known/jwks.json',
    claimsToHeaders: { sub: 'x-user' },
  },
  upstreams: {
    // Baskets are kept in memory, so a visitor stays at one backend while it is up and has room.
    stable: {
      backends: ['http://127.0.0.1:3001', 'http://127.0.0.1:3002'],
      healthPath: '/health',
      cap: 16,
      hashBy: 'cookie:session',
    },
    canary: { backends: ['http://127.0.0.1:3101'], healthPath: '/health', cap: 4 },
    orders: { backends: ['http://127.0.0.1:4001', 'http://127.0.0.1:4002'], cap: 8 },
    next: { backends: ['http://127.0.0.1:4101'], cap: 2 },
    office: { backends: ['unix:/run/office.sock'] },
    login: { backends: ['http://127.0.0.1:5001'] },
  },
  routes: [
    // The storefront: a visitor stays on one side of the canary by the session cookie.
    {
      endpoint: 'storefront',
      host: ['shop.example', 'www.shop.example'],
      path: '/*',
      upstreams: [
        { upstream: 'stable', weight: 95 },
        { upstream: 'canary', weight: 5 },
      ],
      splitBy: 'cookie:session',
      authenticate: 'none',
      response: { set: { 'strict-transport-security': 'max-age=31536000' } },
    },
    {
      endpoint: 'images',
      host: ['shop.example', 'www.shop.example'],
      path: '/images/*',
      methods: ['GET'],
      upstream: 'stable',
      authenticate: 'none',
      cache: { ttlSeconds: 3600 },
    },
    // The API: tokens, pages of the shop only, a copy of the reads for the next version.
    {
      endpoint: 'readOrder',
      host: 'api.shop.example',
      path: '/v1/orders/:order',
      methods: ['GET'],
      upstream: 'orders',
      authenticate: 'jwt',
      rewrite: { path: '/orders/:order' },
      cors: { origins: ['https://shop.example', 'https://*.shop.example'] },
      mirror: { upstream: 'next', percent: 10 },
      limit: { requestsPerSecond: 20, burst: 40 },
    },
    {
      endpoint: 'api',
      host: 'api.shop.example',
      path: '/v1/*',
      upstream: 'orders',
      authenticate: 'jwt',
      rewrite: { stripPrefix: '/v1' },
      cors: { origins: ['https://shop.example', 'https://*.shop.example'] },
    },
    // The back office: from the company's networks, after its login.
    {
      endpoint: 'office',
      host: 'office.shop.example',
      path: '/*',
      upstream: 'office',
      authenticate: 'forward',
      forward: { upstream: 'login', path: '/verify', toBackend: ['x-user'], cacheSeconds: 5 },
      allow: ['10.0.0.0/8'],
    },
    { endpoint: 'old', path: '/shop/*', redirect: { to: 'https://shop.example/*', status: 301 } },
  ],
});
