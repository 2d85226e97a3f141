import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A proxy under measurement, in processes of its own. */
export interface Subject {
  readonly name: string;
  readonly port: number;
  /** The processes whose time is counted. */
  readonly pids: readonly number[];
  /** Header lines that a request to it needs. */
  readonly headers: string;
  stop(): void;
}

const bodyBytes = 1024;
export const nginxBinary = '/usr/sbin/nginx';

/** A backend with a fixed reply of 1 KiB, in nginx: it costs least, so the proxies get the processors. */
export async function startBackend(port: number): Promise<Subject> {
  return startNginx(
    'backend',
    port,
    `location / { default_type text/plain; return 200 "${'x'.repeat(bodyBytes)}"; }`,
    '',
  );
}

export async function startNginxProxy(port: number, backendPort: number): Promise<Subject> {
  const upstream = `upstream backend { server 127.0.0.1:${backendPort}; keepalive 64; }`;
  const location = 'location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }';
  return startNginx('nginx', port, location, upstream);
}

async function startNginx(name: string, port: number, location: string, upstream: string): Promise<Subject> {
  if (!existsSync(nginxBinary)) throw new Error('The benchmark needs nginx: apt-get install nginx-light');
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bench-nginx-'));
  const config = `
    daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log; ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 1024; }
    http {
      access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
      client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f;
      uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
      ${upstream}
      server { listen 127.0.0.1:${port}; ${location} }
    }`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  const child = spawn(nginxBinary, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], {
    stdio: 'ignore',
  });
  await listening(port, child);
  return { name, port, pids: childrenOf(child.pid as number), headers: '', stop: () => void child.kill('SIGTERM') };
}

/** A proxy written as an entry of this folder, started with the port to listen on and the backend's. */
export async function startNode(
  name: string,
  entry: string,
  port: number,
  backendPort: number,
  ...more: string[]
): Promise<Subject> {
  const path = fileURLToPath(new URL(entry, import.meta.url));
  const child = spawn(process.execPath, [path, String(port), String(backendPort), ...more], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await listening(port, child);
  return { name, port, pids: [child.pid as number], headers: '', stop: () => void child.kill('SIGTERM') };
}

/** The processes that the main thread of this one has started. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Waits until somebody accepts connections there. */
export async function listening(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`What should listen on port ${port} ended with ${child.exitCode}`);
    if (await accepts(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Nothing listens on port ${port} after 10 s`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
