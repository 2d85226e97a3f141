import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSigned } from '../../test/support/certificates.ts';
import { startTlsWorker } from './tls.ts';

const firstPort = 18_870;
const body = 'x'.repeat(256);

/** The result of h2spec for one server. */
interface Conformance {
  readonly tests: number;
  readonly failures: readonly string[];
}

/**
 * The failures of h2spec against a worker of Rampart and against bare node:http2, in a table.
 *
 * `H2SPEC` is the path of the program (github.com/summerwind/h2spec), `h2spec` without it.
 */
export async function benchH2spec(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-h2spec-'));
  const backend = await listen(
    createServer((req, res) => void req.resume().on('end', () => res.end(body))),
    firstPort,
  );
  const bare = await listen(bareServer(), 0);
  const worker = await startTlsWorker(folder, firstPort, firstPort + 1);
  try {
    const ofBare = await askH2spec((bare.address() as AddressInfo).port, join(folder, 'bare.xml'));
    const ofRampart = await askH2spec(worker.tlsPort, join(folder, 'rampart.xml'));
    return table(ofRampart, ofBare);
  } finally {
    worker.stop();
    for (const server of [bare, backend]) server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function bareServer(): Server {
  const server = createSecureServer(selfSigned('IP:127.0.0.1'), (req, res) => {
    for (const stream of [req, res]) stream.on('error', () => {});
    req.resume().on('end', () => res.end(body));
  });
  server.on('sessionError', () => {});
  return server;
}

async function listen<T extends Server>(server: T, port: number): Promise<T> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}

async function askH2spec(port: number, reportPath: string): Promise<Conformance> {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-t', '-k', '-j', reportPath];
  const child = spawn(process.env['H2SPEC'] ?? 'h2spec', args, { stdio: 'ignore' });
  await new Promise<void>((resolve, reject) => {
    child.once('error', () =>
      reject(new Error('Cannot run h2spec: build github.com/summerwind/h2spec, and set H2SPEC to its path')),
    );
    // Exit code 1 says that a test failed.
    child.once('exit', () => resolve());
  });
  return conformanceOf(readFileSync(reportPath, 'utf8'));
}

/** Reads the JUnit report of h2spec. */
function conformanceOf(report: string): Conformance {
  const cases = [...report.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs)];
  if (cases.length === 0) throw new Error('The report of h2spec has no test case');
  const failed = cases.filter(([, , , content]) => /<(error|failure)/.test(content ?? ''));
  return { tests: cases.length, failures: failed.map(([, section, title]) => `${section}: ${title}`) };
}

function table(rampart: Conformance, bare: Conformance): string {
  const all = [...new Set([...rampart.failures, ...bare.failures])].toSorted();
  const mark = ({ failures }: Conformance, name: string): string => (failures.includes(name) ? 'fails' : 'passes');
  const own = rampart.failures.filter((name) => !bare.failures.includes(name));
  return [
    `h2spec has ${rampart.tests} tests. Rampart fails ${rampart.failures.length}, bare node:http2 ${bare.failures.length} of ${bare.tests}; Rampart alone fails ${own.length}.`,
    '',
    '| test | Rampart | bare node:http2 |',
    '|---|---|---|',
    ...all.map((name) => `| ${name} | ${mark(rampart, name)} | ${mark(bare, name)} |`),
  ].join('\n');
}
