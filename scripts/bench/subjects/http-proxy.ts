// http-proxy 1.18.1 as people use it: one keep-alive agent. Arguments: port, backend's port.
import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';

const [port, backendPort] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${backendPort}`, agent });
createServer((req, res) => proxy.web(req, res)).listen(port, '127.0.0.1');
