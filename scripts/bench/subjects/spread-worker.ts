// A worker of the connection benchmark: answers with its number, on a descriptor that it was given or under node:cluster.
import cluster from 'node:cluster';
import { createServer } from 'node:http';

const { SPREAD_WORKER = '0', SPREAD_PORT, SPREAD_FD } = process.env;
const server = createServer({ keepAliveTimeout: 60_000 }, (_req, res) => res.end(SPREAD_WORKER));
const say = (): void => void process.send?.('ready');
if (SPREAD_FD === undefined) server.listen({ host: '127.0.0.1', port: Number(SPREAD_PORT) }, say);
else server.listen({ fd: Number(SPREAD_FD) }, say);
process.on('disconnect', () => process.exit());
if (!cluster.isWorker && process.send === undefined) throw new Error('It is started by scripts/bench/spread.ts');
