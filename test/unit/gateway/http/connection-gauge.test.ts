import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { countConnections } from '../../../../src/gateway/http/connection-gauge.ts';
import { Registry } from '../../../../src/metrics/instruments.ts';
import { eventually } from '../../../support/raw.ts';

test('countConnections shows the open connections of all servers, and none of closed ones', async () => {
  const registry = new Registry();
  const servers = [createServer(), createServer()];
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  countConnections(registry, servers, 3);
  const shown = (): unknown =>
    registry.snapshot().find(({ name }) => name === 'rampart_client_connections')?.series[0]?.[1];
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  const clients = [...ports, ...ports.slice(0, 1)].map((port) => connect(port, '127.0.0.1'));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  await eventually('three are shown', () => shown() === 3);
  for (const client of clients) client.destroy();
  await eventually('none is shown', () => shown() === 0);
  for (const server of servers) server.close();
});
