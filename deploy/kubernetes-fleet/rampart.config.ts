// The configuration of every host of the fleet. Replace it in a kustomization of your own, as ../kubernetes/kustomization.yaml says.
import { defineConfig } from 'rampart/config';

export default defineConfig({
  upstreams: {
    app: {
      // The pods of the Service `app` in this namespace, on its port `http`.
      discover: { endpointSlices: 'app', port: 'http' },
      // Each pod gets 16 requests at a time at most, from all hosts together.
      cap: 16,
      scope: 'fleet',
      healthPath: '/healthz',
    },
  },
  routes: [{ endpoint: 'app', path: '/app/*', upstream: 'app', authenticate: false }],
});
