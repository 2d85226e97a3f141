import { join } from 'node:path';

/** Where the API server of the cluster is, and how a process shows who it is. */
export interface ClusterPlace {
  readonly origin: string;
  /** PEM; undefined where the system's authorities are enough, or no TLS is spoken. */
  readonly caFile: string | undefined;
  readonly tokenFile: string | undefined;
  /** The file with the namespace of the pod. */
  readonly namespaceFile: string | undefined;
}

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The cluster in whose pod this process runs, as every pod is told by Kubernetes; undefined outside of one. */
export function ownCluster(env: Readonly<Record<string, string | undefined>>): ClusterPlace | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (host === undefined || host === '') return undefined;
  return {
    origin: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    caFile: join(FOLDER, 'ca.crt'),
    tokenFile: join(FOLDER, 'token'),
    namespaceFile: join(FOLDER, 'namespace'),
  };
}

/** An API server that the configuration names, such as a `kubectl proxy`, which adds the credentials itself. */
export const namedCluster = (origin: string): ClusterPlace => ({
  origin,
  caFile: undefined,
  tokenFile: undefined,
  namespaceFile: undefined,
});
