import type { Server } from 'node:net';
import type { Registry } from '../../metrics/instruments.ts';

/** Counts the open connections of clients: those that the servers had when the report before was made. */
export function countConnections(registry: Registry, servers: readonly Server[], instance: number): void {
  const help = 'Open connections of clients of a worker';
  const open = registry.gauge('rampart_client_connections', help, 'sum', 'instance').of(String(instance));
  const counts = new Map<Server, number>();
  registry.onSnapshot(() => {
    for (const server of servers) {
      server.getConnections((error, count) => {
        // A server that is closed has none.
        counts.set(server, error === null ? count : 0);
        open.set([...counts.values()].reduce((sum, each) => sum + each, 0));
      });
    }
  });
}
