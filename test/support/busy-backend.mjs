// node busy-backend.mjs PORT [health-when-below N]: a backend whose work can hold its event loop, and that stops as most
// services do: it stops listening, and ends when it has answered what it has.
//   /sync/MS computes for so long; /wait/MS waits for so long; /health answers while fewer than N requests are in flight
import { createServer } from 'node:http';

const [port, limit = 'Infinity'] = process.argv.slice(2);
let inFlight = 0;
let served = 0;

const server = createServer((req, res) => {
  if (req.url === '/health') {
    if (inFlight < Number(limit)) res.end('{}');
    return;
  }
  if (req.url === '/count') {
    res.end(String(served));
    return;
  }
  const [, kind, ms] = (req.url ?? '').split('/');
  inFlight++;
  res.on('close', () => inFlight--);
  req.resume();
  req.on('end', () => {
    served++;
    if (kind === 'sync') {
      const until = performance.now() + Number(ms);
      while (performance.now() < until);
      res.end('done');
    } else setTimeout(() => res.end('done'), Number(ms));
  });
});
server.listen(Number(port), '127.0.0.1', () => process.send?.('ready'));
process.on('SIGTERM', () => server.close(() => process.exit()));
