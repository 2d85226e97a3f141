// http-proxy as people use it: one backend after the other, no caps. Arguments: port, first port of the backends, how many.
import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';

const [port, firstPort = 0, count = 1] = process.argv.slice(2).map(Number);
const proxy = httpProxy.createProxyServer({ agent: new Agent({ keepAlive: true }) });
proxy.on('error', (_error, _req, res) => {
  if ('writeHead' in res) res.writeHead(502).end();
});
let next = 0;
createServer((req, res) => {
  proxy.web(req, res, { target: `http://127.0.0.1:${firstPort + (next++ % count)}` });
}).listen(port, '127.0.0.1');
