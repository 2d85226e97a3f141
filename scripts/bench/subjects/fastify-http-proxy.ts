// @fastify/http-proxy with its defaults (undici). Arguments: port, backend's port.
import fastifyHttpProxy from '@fastify/http-proxy';
import fastify from 'fastify';

const [port = 0, backendPort] = process.argv.slice(2).map(Number);
const app = fastify();
await app.register(fastifyHttpProxy, { upstream: `http://127.0.0.1:${backendPort}` });
await app.listen({ port, host: '127.0.0.1' });
