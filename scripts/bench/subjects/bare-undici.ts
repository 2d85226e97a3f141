// node:http and undici's dispatch with nothing between: the floor of what Rampart is built from. Arguments: port, backend's port.
import { createServer } from 'node:http';
import { Pool } from 'undici';

const [port, backendPort] = process.argv.slice(2).map(Number);
const pool = new Pool(`http://127.0.0.1:${backendPort}`, { allowH2: false });
createServer((req, res) => {
  pool.dispatch(
    { method: 'GET', path: req.url ?? '/' },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, headers) {
        res.writeHead(status, headers as Record<string, string>);
      },
      onResponseData(_controller, chunk) {
        res.write(chunk);
      },
      onResponseEnd() {
        res.end();
      },
      onResponseError() {
        res.destroy();
      },
    },
  );
}).listen(port, '127.0.0.1');
process.on('SIGINT', () => process.exit());
