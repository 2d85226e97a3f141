// A backend that takes equally long for each request. Arguments: port, `processor` or `timer`, milliseconds. It says
// `ready` when it listens, and ends when its parent does.
import { createServer, type ServerResponse } from 'node:http';

const [port = '0', kind = 'timer', text = '1'] = process.argv.slice(2);
const serviceMs = Number(text);
const body = JSON.stringify({ id: 1, text: 'x'.repeat(200) });

function answer(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  res.end(body);
}

/** Processor time, not elapsed time: on a busy machine it takes longer. */
function work(milliseconds: number): void {
  const begun = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(begun);
    if (user + system >= milliseconds * 1000) return;
  }
}

const server = createServer((_req, res) => {
  if (kind === 'timer') setTimeout(answer, serviceMs, res);
  else {
    work(serviceMs);
    answer(res);
  }
});
server.keepAliveTimeout = 120_000;
server.listen(Number(port), '127.0.0.1', () => process.send?.('ready'));
process.on('disconnect', () => process.exit());
