import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextStartProblems, startProblems } from '../../../src/cli/start-problems.ts';
import { configWithFile } from '../../../src/config/config.ts';
import { parseConfigFile, type ReadFile } from '../../../src/config/file.ts';
import type { Config } from '../../../src/config/model.ts';
import type { ConfigSource } from '../../../src/control/config/config-source.ts';

const folder = import.meta.dirname;
const read = (value: unknown): ReadFile => parseConfigFile(value, 'test');
const built = (value: unknown, env: Record<string, string> = {}): Config =>
  configWithFile({ GENERATOR_INSTANCES: '0', ...env }, read(value).file, folder);
const proxy = (port: number) => ({ proxyProtocol: { port, from: ['10.0.0.1'] } });

test('a host cannot start with listeners that its own file does not have', () => {
  assert.deepEqual(startProblems(built(proxy(9)), built(proxy(9))), []);
  for (const own of [{}, proxy(10)])
    assert.match(startProblems(built(proxy(9)), built(own)).join(), /^its listeners .* are not those of the file/);
  const others = { proxyProtocol: { port: 9, from: ['10.0.0.2'] } };
  assert.deepEqual(startProblems(built(proxy(9)), built(others)), [], 'who is believed is no matter of the socket');
});

test('a host cannot start with a file of TLS that it lacks, of a listener or of an upstream', () => {
  const env = { TLS_PORT: '8443', TLS_CERT_FILE: 'none.pem', TLS_KEY_FILE: 'none.key' };
  const own = built({}, env);
  assert.match(startProblems(built({ tls: { clientCaFile: 'none' } }, env), own).join(), /none\.pem cannot be read/);
  const upstream = { upstreams: { app: { backends: ['https://a.example'], tls: { caFile: 'none.ca' } } } };
  assert.match(startProblems(built(upstream), built({})).join(), /^upstreams\.app\.tls: .*none\.ca/);
});

test('nextStartProblems goes by the file of the host as it is now', async () => {
  const source = (file: ReadFile): ConfigSource =>
    ({
      read: async () => file,
      build: ({ proxyProtocol }: ReadFile['file']) => ({ config: built({ proxyProtocol }), problems: [] }),
    }) as unknown as ConfigSource;
  assert.deepEqual(await nextStartProblems(built(proxy(9)), source(read(proxy(9)))), []);
  assert.match((await nextStartProblems(built(proxy(9)), source(read({})))).join(), /listeners/);
  const broken = await nextStartProblems(built({}), source({ file: {}, problems: ['it is broken'] }));
  assert.deepEqual(broken, ['the file of this host, whose listeners it opens at a start: it is broken']);
});
