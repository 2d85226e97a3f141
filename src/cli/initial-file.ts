const TEMPLATE = `// The configuration of Rampart for the application at http://127.0.0.1:{PORT}.
// Remove the // in front of a setting to use it; rampart check verifies the file, rampart reload puts it in force.
// Routes are described in docs/routes.md of Rampart, everything else in docs/operating.md.
import { defineConfig } from 'rampart/config';

export default defineConfig({
  upstreams: {
    app: {
      // Processes of the application; the load is spread over them.
      backends: [
        'http://127.0.0.1:{PORT}',
        // 'http://127.0.0.1:{NEXT}',
      ],
      // How many requests one backend has in flight at most. Others wait, or get 503 with Retry-After.
      cap: 16,
      // A path that a healthy backend answers with 200. Without it, only failed requests tell that a backend is down.
      // healthPath: '/health',
      // A client stays at one backend while that is up: by 'cookie:NAME', 'header:NAME', 'key' or 'address'.
      // hashBy: 'cookie:session',
    },
  },
  routes: [
    {
      // The name of the route in metrics and logs.
      endpoint: 'app',
      path: '/*',
      // Without a host, the route takes every one.
      // host: ['shop.example', 'www.shop.example'],
      upstream: 'app',
      // false: everybody may come in. 'key' asks for a key of rampart keys create.
      authenticate: false,
      // At most 20 requests a second from one client, and 40 at once after a pause. Beyond it: 429.
      // limit: { requestsPerSecond: 20, burst: 40, by: 'address' },
      // Longest time until a backend replies.
      // timeoutMs: 30_000,
      // Largest body of a request.
      // maxBodyBytes: 50 * 1024 * 1024,
      // Text that the application does not compress itself.
      // compress: true,
      // Replies that allow it are stored, the others for as long as this.
      // cache: { ttlSeconds: 60 },
      // Fields of the reply.
      // response: { set: { 'strict-transport-security': 'max-age=31536000' } },
    },
  ],
  // Load balancers in front of Rampart, whose X-Forwarded-For is believed.
  // trustedProxies: ['127.0.0.1'],
  // /healthz, /readyz and Rampart's other own paths hide those of the application, unless they have a host of their own.
  // builtin: { host: 'rampart.internal' },
  // A page for people, in place of the JSON with which Rampart itself answers errors.
  // errorPages: { '5xx': { body: '<h1>Back in a moment</h1>', contentType: 'text/html' } },
});
`;

/**
 * A configuration for an application at a port. Each line that is commented out, `// name: value,` or `// 'value',`, is a
 * setting that is valid as it stands.
 */
export function initialFile(port: number): string {
  const next = port === 65_535 ? port - 1 : port + 1;
  return TEMPLATE.replaceAll('{PORT}', String(port)).replaceAll('{NEXT}', String(next));
}
