// A backend whose replies take as long as the request says, however many it has: a language model, say. Arguments: port.
// GET /…?ms=2000 answers after two seconds; with &stream=1 the head comes after 50 ms, and events until the end.
import { createServer } from 'node:http';

const HEAD_MS = 50;
const EVENT_MS = 30;

const server = createServer((req, res) => {
  const query = new URL(req.url ?? '/', 'http://localhost').searchParams;
  const ms = Math.min(60_000, Number(query.get('ms') ?? 1000));
  if (query.get('stream') === null) {
    const timer = setTimeout(() => res.end('{"text":"the whole reply"}'), ms);
    res.on('close', () => clearTimeout(timer));
    return;
  }
  const endAt = performance.now() + ms;
  let timer = setTimeout(begin, HEAD_MS);
  function begin(): void {
    res.writeHead(200, { 'content-type': 'text/plain' });
    next();
  }
  function next(): void {
    if (performance.now() >= endAt) res.end('done\n');
    else {
      res.write('token\n');
      timer = setTimeout(next, EVENT_MS);
    }
  }
  res.on('close', () => clearTimeout(timer));
});
server.keepAliveTimeout = 120_000;
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => process.send?.('ready'));
process.on('disconnect', () => process.exit());
