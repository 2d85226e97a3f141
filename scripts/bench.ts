// npm run bench: processor time per barcode, per proxied request beside other proxies, and per request step by step.
// npm run bench -- steps (or render, proxies, coalescing, interceptors, memory, reload, barcode, batch, routes, access-log, metrics, traces, fleet): that part alone; --write puts its table into docs/costs.md.
// h2spec runs only when it is named, because it needs a program that no package has.
import { accessLineTable, benchAccessLine } from './bench/access-line.ts';
import { barcodeTable, benchBarcode } from './bench/barcode.ts';
import { batchTable, benchBatch } from './bench/batch.ts';
import { benchCoalescing, coalescingTable } from './bench/coalescing.ts';
import { benchExport, exportTable } from './bench/export.ts';
import { findInterceptorRules } from './bench/interceptors.ts';
import { benchFloods } from './bench/floods.ts';
import { benchH2spec } from './bench/h2spec.ts';
import { benchFleetPermits } from './bench/fleet-permits.ts';
import { benchHandshakes } from './bench/handshakes.ts';
import { benchLedger, ledgerTable } from './bench/ledger.ts';
import { benchLogRotation } from './bench/log-rotation.ts';
import { benchMemory, memoryTable } from './bench/memory.ts';
import { benchMetrics } from './bench/metrics.ts';
import { benchMirror } from './bench/mirror.ts';
import { benchProxies, printProxies, proxiesTable, type ProxyCost } from './bench/proxy.ts';
import { benchReload, benchReloadMemory } from './bench/reload.ts';
import { benchRender, renderTable } from './bench/render.ts';
import { benchRoutes, routesTable } from './bench/routes.ts';
import { benchSessions } from './bench/sessions.ts';
import { benchSteps, stepsTitle } from './bench/steps.ts';
import { benchTraces } from './bench/traces.ts';
import { benchTracesHost } from './bench/traces-host.ts';
import { benchTls, tlsTable } from './bench/tls.ts';
import { benchVerdict } from './bench/verdict.ts';
import { writeTable } from './write-table.ts';
import { ensureTestTools } from './test-tools.ts';

const parts: Readonly<Record<string, () => Promise<void>>> = {
  render: async () => console.log(renderTable(await benchRender())),
  proxies: () => benchProxies().then((costs) => show('proxies', costs)),
  steps: () => benchSteps().then((costs) => show('steps', costs, stepsTitle)),
  coalescing: async () => put('coalescing', coalescingTable(await benchCoalescing())),
  interceptors: async () => {
    for (const { question, answer } of await findInterceptorRules()) console.log(`${question}: ${answer}`);
  },
  batch: async () => put('batch', batchTable(await benchBatch()), 'batches.md'),
  barcode: async () => put('barcode', barcodeTable(await benchBarcode())),
  reload: async () => put('reload', await benchReload()),
  'reload-memory': async () => put('reload-memory', await benchReloadMemory()),
  memory: async () => put('memory', memoryTable(await benchMemory())),
  routes: async () => put('routes', routesTable(await benchRoutes())),
  sessions: async () => put('sessions', await benchSessions(), 'routes.md'),
  tls: async () => put('tls', tlsTable(await benchTls())),
  h2spec: async () => put('h2spec', await benchH2spec(), 'adr/0087-http2-as-a-second-adapter.md'),
  handshakes: async () => put('handshakes', await benchHandshakes()),
  mirror: async () => put('mirror', await benchMirror()),
  floods: async () => put('floods', await benchFloods()),
  metrics: async () => put('metrics', await benchMetrics()),
  verdict: async () => put('verdict', await benchVerdict()),
  'log-rotation': async () => put('log-rotation', await benchLogRotation()),
  fleet: async () => put('permits of a fleet', await benchFleetPermits(), 'fleet.md'),
  ledger: async () => put('ledger', ledgerTable(await benchLedger())),
  export: async () => put('export', exportTable(await benchExport()), 'records.md'),
  traces: async () => put('traces', `${await benchTraces()}\n\n${await benchTracesHost()}`, 'traces.md'),
  'access-log': async () => put('access-log', accessLineTable(await benchAccessLine())),
};

/** Prints a table, and with --write puts it into a page of docs/. */
function put(name: string, table: string, page = 'costs.md'): void {
  console.log(table);
  if (process.argv.includes('--write')) writeTable(page, name, table);
}

function show(name: string, costs: readonly ProxyCost[], title?: string): void {
  printProxies(costs, title);
  if (process.argv.includes('--write')) writeTable('costs.md', name, proxiesTable(costs));
}

ensureTestTools();
const named = process.argv.slice(2).filter((argument) => argument !== '--write');
const wanted = named.length > 0 ? named : Object.keys(parts).filter((name) => name !== 'h2spec');
for (const name of wanted) {
  const part = parts[name];
  if (part === undefined) throw new Error(`There is no part '${name}'; there are ${Object.keys(parts).join(', ')}`);
  await part();
  console.log();
}
