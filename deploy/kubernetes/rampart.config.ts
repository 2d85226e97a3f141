// The configuration of the pods. Replace it in a kustomization of your own, as kustomization.yaml says.
import { defineConfig } from 'rampart/config';

export default defineConfig({
  upstreams: {
    // A headless Service would give every pod of the application an address of its own; this one has a single address.
    app: { backends: ['http://app.default.svc.cluster.local:80'], cap: 64 },
  },
  routes: [{ endpoint: 'app', path: '/app/*', upstream: 'app', authenticate: false }],
});
