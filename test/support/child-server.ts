import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A small server in a process of its own. */
export interface ChildServer {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** `body` is the code of the listener, with `req`, `res` and `state`, an object that stays. It says its port, and listens. */
export async function startChildServer(body: string): Promise<ChildServer> {
  const code = `const http = require('node:http'); const state = {};
    const server = http.createServer((req, res) => { ${body} });
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(said.toString());
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    child,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
