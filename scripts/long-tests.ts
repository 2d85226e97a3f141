/** Integration tests that measure for minutes, or that need more of the machine: npm run test:long has them, npm test does without. */
const long: ReadonlySet<string> = new Set([
  'backup',
  'batch-hosts',
  'batch-limits',
  'batch-plans',
  'batch-webhooks',
  'container',
  'database-kinds',
  'deploy-fleet-run',
  'healthy-minutes',
  'lab-classification',
  'lab-closed-loop',
  'lab-engines',
  'lab-ingest',
  'lab-own-service',
  'lab-queue-oracles',
  'lab-soak',
  'lab-strangers',
  'lab-truth',
  'lab-tune',
  'lab-tune-running',
  'lab-other-tools',
  'leaving-clients',
  'pgbouncer',
  'products-decode',
  'reload-faults',
  'slo-agreement',
  'slo-rules-mutants',
  'store-embedded',
  'systemd',
]);

/** `name`: of the test file, without its ending. */
export const isLong = (name: string): boolean => long.has(name);

/** Tests of npm test that take more rounds, or look at more pages, in npm run test:long. */
export const longer: readonly string[] = [
  'test/integration/backend-faults.test.ts',
  'test/integration/batch-faults.test.ts',
  'test/integration/end-to-end.test.ts',
  'test/integration/leases.test.ts',
  'test/integration/reload.test.ts',
  'test/integration/start-stop.test.ts',
  'test/integration/takeover.test.ts',
  'test/browser/report.test.ts',
  'test/unit/control/verdict-oracle.test.ts',
  'test/unit/gateway/virtual-host.test.ts',
];
