import { residentMib } from './resident.ts';

const INSPECTOR = 'http://127.0.0.1:9229';
const LIMIT_MS = 10_000;
const STEP_MS = 50;

/**
 * The resident memory of a Node process of this machine after its collector has run, in MiB: without what is only waiting
 * to be collected. Its inspector is opened for this moment, so no other one may be open.
 */
export async function collectedMib(pid: number): Promise<number> {
  process.kill(pid, 'SIGUSR1');
  const socket = new WebSocket(await inspectorUrl());
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error(`The inspector of process ${pid} cannot be reached`)));
  });
  await call(socket, 1, 'HeapProfiler.collectGarbage');
  const resident = residentMib(pid);
  // Behind this answer the inspector closes the connection.
  const expression = "setTimeout(() => process.getBuiltinModule('node:inspector').close(), 10)";
  await call(socket, 2, 'Runtime.evaluate', { expression });
  await new Promise((resolve) => socket.addEventListener('close', resolve));
  return resident;
}

async function inspectorUrl(): Promise<string> {
  for (let waitedMs = 0; waitedMs < LIMIT_MS; waitedMs += STEP_MS) {
    await new Promise((resolve) => void setTimeout(resolve, STEP_MS));
    const reply = await fetch(`${INSPECTOR}/json/list`).catch(() => undefined);
    if (reply === undefined) continue;
    const [target] = (await reply.json()) as { webSocketDebuggerUrl: string }[];
    if (target !== undefined) return target.webSocketDebuggerUrl;
  }
  throw new Error('No inspector has opened on port 9229');
}

function call(socket: WebSocket, id: number, method: string, params: object = {}): Promise<void> {
  return new Promise((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      if ((JSON.parse(String(data)) as { id?: number }).id === id) resolve();
    });
    socket.send(JSON.stringify({ id, method, params }));
  });
}
