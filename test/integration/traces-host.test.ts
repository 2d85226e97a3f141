import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startCollector, type TraceCollector } from '../support/collector.ts';
import { eventually } from '../support/raw.ts';
import { isServer } from '../support/spans.ts';
import { type Stack, stackSettings, startStack } from '../support/stack.ts';

const LIMIT_MS = 30_000;

describe('traces of a whole host', () => {
  let stack: Stack;
  let collector: TraceCollector;
  let application: Server;

  before(async () => {
    collector = await startCollector();
    application = createServer((_req, res) => void res.end('hello'));
    await new Promise<void>((resolve) => void application.listen(0, '127.0.0.1', resolve));
    const { port } = application.address() as AddressInfo;
    const settings = await stackSettings({
      GENERATOR_INSTANCES: '0',
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/otel/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20s3cret,x-tenant=shop',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_SERVICE_NAME: 'shop-gate',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=other',
    });
    const config = join(settings['RAMPART_DATA_DIR'] ?? '', 'rampart.config.mjs');
    const upstreams = { app: { backends: [`http://127.0.0.1:${port}`] } };
    const routes = [{ endpoint: 'work', path: '/*', upstream: 'app', authenticate: false }];
    writeFileSync(config, `export default ${JSON.stringify({ upstreams, routes })};\n`);
    const slo = join(settings['RAMPART_DATA_DIR'] ?? '', 'slo.yaml');
    const objective = '{ sli: latency, le: 77ms, target: 0.95 }';
    writeFileSync(slo, `service: app\nendpoints: [{ id: work, objectives: [${objective}] }]\n`);
    stack = await startStack({ ...settings, RAMPART_CONFIG: config, RAMPART_SLO: slo });
  });
  after(async () => {
    await stack.stop();
    collector.close();
    application.close();
    application.closeAllConnections();
  });

  const ask = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const reply = await fetch(`${stack.url}/work/${index}`);
      assert.equal(reply.status, 200);
      await reply.arrayBuffer();
    }
  };
  const spansThat = async (result: string): Promise<number> => {
    const line = new RegExp(`^rampart_spans_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(await stack.metrics());
    return Number(line?.[1] ?? 0);
  };

  test('arrive with the resource, the header fields and the path that the environment names', async () => {
    await ask(30);
    await eventually('60 spans are there', () => collector.spans.length === 60, LIMIT_MS);
    assert.equal(collector.path, '/otel/v1/traces');
    assert.equal(collector.headers['authorization'], 'Bearer s3cret');
    assert.equal(collector.headers['x-tenant'], 'shop');
    const resource = new Map(collector.resource.map(({ key, value }) => [key, value['stringValue']]));
    assert.equal(resource.get('service.name'), 'shop-gate');
    assert.equal(resource.get('deployment.environment.name'), 'test');
    assert.equal(await spansThat('sent'), 60);
    assert.doesNotMatch(stack.output(), /s3cret/);
  });

  test('are the exemplars of OpenMetrics, whose histograms have the latencies of the SLO file as bounds', async () => {
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';
    const reply = await fetch(`${stack.adminUrl}/metrics`, { headers: { accept } });
    assert.match(reply.headers.get('content-type') ?? '', /^application\/openmetrics-text; version=1\.0\.0/);
    const text = await reply.text();
    assert.ok(text.endsWith('# EOF\n'));
    for (const bound of ['0.077', '0.1155', '0.154', '1.0'])
      assert.match(text, new RegExp(`^rampart_latency_seconds_bucket\\{endpoint="work",le="${bound}"\\} \\d+`, 'm'));
    const found = [...text.matchAll(/ # \{trace_id="(\w+)"\} [\d.e-]+ \d+(?:\.\d+)?$/gm)].map(
      ([, trace = '']) => trace,
    );
    assert.ok(found.length > 0);
    for (const trace of found)
      assert.ok(
        collector.spans.some(({ traceId }) => traceId === trace),
        trace,
      );
  });

  test('are lost by nobody but the collector: it resets and answers 503, and every span is sent or counted', async () => {
    const before = collector.spans.length;
    const faults = ['reset', 503] as const;
    for (const fault of faults) {
      collector.answer = fault;
      await ask(300);
    }
    collector.answer = 200;
    const made = before + faults.length * 600;
    await eventually(
      'all spans are accounted for',
      async () => (await spansThat('sent')) + (await spansThat('dropped')) === made,
      LIMIT_MS,
    );
    assert.equal(collector.spans.length, await spansThat('sent'));
    assert.match(stack.output(), /traces cannot be sent to the collector/);
  });

  test('wait in the workers while control is killed, and go on with the next control', async () => {
    const before = collector.spans.filter(isServer).length;
    const { control } = await stack.status();
    process.kill(control.pid, 'SIGKILL');
    await ask(50);
    await eventually('all are there', () => collector.spans.filter(isServer).length === before + 50, LIMIT_MS);
  });
});
