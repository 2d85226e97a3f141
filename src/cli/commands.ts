import type { CommandTable } from './io.ts';

/** The commands of `rampart`. */
export const commands: CommandTable = {
  start: { summary: 'run everything on this host', load: async () => (await import('./start.ts')).start },
  gateway: { summary: 'run one gateway worker', load: async () => (await import('./gateway.ts')).gateway },
  control: {
    summary: 'run control: health, metrics, admin API',
    load: async () => (await import('./control.ts')).control,
  },
  generator: { summary: 'run one generator', load: async () => (await import('./generator.ts')).generator },
  batch: { summary: 'run one batch worker', load: async () => (await import('./batch.ts')).batch },
  batches: {
    summary: 'see items of batches that were given up, and take them up again',
    load: async () => (await import('./batches.ts')).batches,
  },
  generate: {
    summary: 'make barcodes of a list',
    load: async () => (await import('./generate.ts')).generate,
  },
  init: { summary: 'write a configuration for an application', load: async () => (await import('./init.ts')).init },
  check: { summary: 'check the configuration', load: async () => (await import('./check.ts')).check },
  route: { summary: 'say which route answers a request', load: async () => (await import('./route.ts')).route },
  password: { summary: 'make the hash of a password', load: async () => (await import('./password.ts')).password },
  status: { summary: 'show the running instance', load: async () => (await import('./status.ts')).status },
  top: { summary: 'watch the running instance', load: async () => (await import('./top.ts')).top },
  slo: {
    summary: 'show the objectives and their error budgets, write rules for Prometheus',
    load: async () => (await import('./slo.ts')).slo,
  },
  alerts: { summary: 'send a test alert', load: async () => (await import('./alerts.ts')).alerts },
  fleet: {
    summary: 'see which host holds which permits, and forget a host that is gone',
    load: async () => (await import('./fleet.ts')).fleet,
  },
  stop: { summary: 'stop the running instance', load: async () => (await import('./stop.ts')).stop },
  reload: {
    summary: 'put the changed configuration file in force',
    load: async () => (await import('./reload.ts')).reload,
  },
  simulate: {
    summary: 'compare balancers on a simulated fleet; --fleet: leases of many hosts',
    load: async () => (await import('./simulate.ts')).simulate,
  },
  lab: { summary: 'measure capacity, and prove it', load: async () => (await import('./lab.ts')).lab },
  retention: {
    summary: 'drop records that are older than LEDGER_RETENTION_DAYS',
    load: async () => (await import('./retention.ts')).retention,
  },
  backup: {
    summary: 'write the embedded database into a file',
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    summary: 'put the embedded database back as it was at a backup',
    load: async () => (await import('./restore.ts')).restore,
  },
  keys: { summary: 'create, list and revoke API keys', load: async () => (await import('./keys.ts')).keys },
  completion: {
    summary: 'print the completion script of a shell',
    load: async () => (await import('./completion.ts')).completionOf(commands),
  },
};
