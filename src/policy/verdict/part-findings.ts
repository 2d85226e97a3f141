import type { Finding } from './finding.ts';
import { fleetFindings } from './fleet-findings.ts';
import { amount, duration, list, rate } from './phrases.ts';
import type { HostSignals } from './signals.ts';

/** A worker reports each second; control is told twice a second that it lives. */
const STUCK_AFTER_MS = 2500;
const CRASHES_A_MINUTE = 3;
/** Records that the ledger may be behind by: this many seconds of what is written, and at least this many. */
const BEHIND_SECONDS = 10;
const BEHIND_LEAST = 1000;
const POOL_FULL = 0.99;
const WARN_DAYS = 7;
const NOTE_DAYS = 21;
const LIMITED_LEAST_PER_SECOND = 0.2;
const UNKNOWN_SHARE = 0.5;

/** What is wrong with the parts of the host, whatever the load. */
export function partFindings(host: HostSignals): Finding[] {
  return [
    ...workerFindings(host),
    ...storeFindings(host),
    ...fleetFindings(host),
    ...configFindings(host),
    ...upstreamFindings(host),
    ...promiseFindings(host),
  ];
}

const starting = {
  cause: 'no gateway worker is connected yet: control has just started',
  next: 'wait some seconds; if this stays, look into the log of the gateway',
};
const noWorker = {
  cause: 'no gateway worker is connected to control',
  next: 'start the gateway, or look into its log: it says why it ended',
};

function workerFindings({ workers: { wanted, present, isStarting, restarts } }: HostSignals): Finding[] {
  if (present.length === 0) {
    return [
      {
        state: 'down',
        causeId: 'no-worker',
        subject: '',
        ...(isStarting ? starting : noWorker),
      },
    ];
  }
  const found: Finding[] = present
    .filter(({ silentMs }) => silentMs >= STUCK_AFTER_MS)
    .map(({ name, silentMs }) => ({
      state: present.length === 1 ? 'down' : 'degraded',
      causeId: 'worker-stuck',
      subject: name,
      cause: `${name} has not reported for ${duration(silentMs)}: it is stopped or its event loop is blocked`,
      next: 'restart that worker; its log and rampart_event_loop_delay_seconds show what it was doing',
    }));
  if (present.length < wanted) {
    found.push({
      state: 'degraded',
      causeId: 'worker-missing',
      subject: '',
      cause: `${present.length} of ${amount(wanted, 'gateway worker')} ${present.length === 1 ? 'is' : 'are'} connected`,
      next: 'look into the log of the gateway: it says why the others do not start',
    });
  }
  for (const { name, count } of restarts) {
    if (count < CRASHES_A_MINUTE) continue;
    found.push({
      state: 'degraded',
      causeId: 'process-restarts',
      subject: name,
      cause: `${name} has started ${count} times within a minute`,
      next: `look into the log of ${name} for the reason of its last end`,
    });
  }
  return found;
}

function storeFindings(host: HostSignals): Finding[] {
  return [...databaseFindings(host), ...diskFindings(host)];
}

function databaseFindings({ database, ledger, traffic: { refused } }: HostSignals): Finding[] {
  const found: Finding[] = [];
  const unavailable = refused['store-unavailable'] ?? 0;
  if (database?.problem !== undefined) {
    const behind = ledger.pending > 0 ? `; ${amount(ledger.pending, 'record')} wait on disk` : '';
    const effect = unavailable > 0 ? `; ${rate(unavailable)} refused for it` : '';
    found.push({
      state: 'degraded',
      causeId: 'database-away',
      subject: '',
      cause: `PostgreSQL does not answer (${database.problem})${behind}${effect}`,
      next: 'bring PostgreSQL back; requests without it go on, and records follow by themselves',
    });
  } else if (database !== undefined && database.waiting > 0 && (database.poolShare ?? 0) >= POOL_FULL) {
    found.push({
      state: unavailable > 0 ? 'overloaded' : 'degraded',
      causeId: 'database-pool',
      subject: '',
      bottleneck: 'A',
      cause: `every database connection is busy, ${amount(database.waiting, 'call')} wait`,
      next: 'look for slow queries in the log; raise DATABASE_POOL_MAX if PostgreSQL has connections to spare',
    });
  }
  return found;
}

/** Records and slow bodies that wait on disk. */
function diskFindings({ database, ledger, traffic: { refused } }: HostSignals): Finding[] {
  const found: Finding[] = [];
  if ((refused['ledger-full'] ?? 0) > 0) {
    found.push({
      state: 'overloaded',
      causeId: 'ledger-full',
      subject: '',
      cause: `the ledger has no room on disk: ${rate(refused['ledger-full'] ?? 0)} refused`,
      next: 'bring PostgreSQL back so that records drain, or raise LEDGER_MAX_BYTES',
    });
  } else if (
    ledger.pending >= Math.max(BEHIND_LEAST, BEHIND_SECONDS * ledger.writtenPerSecond) &&
    database?.problem === undefined
  ) {
    found.push({
      state: 'degraded',
      causeId: 'ledger-behind',
      subject: '',
      cause: `${amount(ledger.pending, 'record')} wait for PostgreSQL, which takes ${Math.round(ledger.writtenPerSecond)} a second`,
      next: 'look at PostgreSQL: locks, its disk, its processors; nothing is lost as long as the disk has room',
    });
  }
  if ((refused['spool-full'] ?? 0) > 0) {
    found.push({
      state: 'overloaded',
      causeId: 'spool-full',
      subject: '',
      cause: `slow uploads and replies fill the spool: ${rate(refused['spool-full'] ?? 0)} refused`,
      next: 'raise SPOOL_MAX_BYTES, or lower maxBodyBytes of the routes that take large bodies',
    });
  }
  return found;
}

function configFindings({ config: { disagreeing, reloadProblem } }: HostSignals): Finding[] {
  const found: Finding[] = [];
  if (disagreeing.length > 0) {
    found.push({
      state: 'degraded',
      causeId: 'configuration-differs',
      subject: '',
      cause: `${list(disagreeing)} ${disagreeing.length === 1 ? 'works' : 'work'} with another configuration than control`,
      next: 'start it with the same environment as control, or reload',
    });
  }
  if (reloadProblem !== undefined) {
    found.push({
      state: 'degraded',
      causeId: 'reload-failed',
      subject: '',
      cause: `the last change of the configuration was refused (${reloadProblem}); the version before it serves`,
      next: 'mend the file (rampart check names each error) and run rampart reload',
    });
  }
  return found;
}

function upstreamFindings({ upstreams }: HostSignals): Finding[] {
  return upstreams.flatMap(({ name, isDrained, lookupProblem, backends, isRetryBudgetSpent }) => {
    const found: Finding[] = [];
    if (isDrained) {
      found.push({
        state: 'down',
        causeId: 'upstream-drained',
        subject: name,
        cause: `upstream ${name} takes no requests: its backends are all drained`,
        next: 'undrain one, in the console or by POST /api/backends',
      });
    } else if (backends.length === 0) {
      found.push({
        state: 'down',
        causeId: 'upstream-unknown',
        subject: name,
        cause: `upstream ${name} has no backend${lookupProblem === undefined ? '' : ` (${lookupProblem})`}`,
        next: 'start its backends, or mend DNS, or the API server of the cluster',
      });
    } else if (lookupProblem !== undefined) {
      found.push({
        state: 'degraded',
        causeId: 'name-lookup-failed',
        subject: name,
        cause: `discovery of upstream ${name}: ${lookupProblem}; the known backends serve`,
        next: 'mend what the cause names: DNS, or the API server of the cluster',
      });
    }
    if (isRetryBudgetSpent) {
      found.push({
        state: 'degraded',
        causeId: 'retry-budget-spent',
        subject: name,
        cause: `so many requests of upstream ${name} fail that no more retries are made`,
        next: 'look at why its backends fail; retries come back as they recover',
      });
    }
    return found;
  });
}

function promiseFindings({
  objectives,
  certificates,
  traffic: { refused, requestsPerSecond },
}: HostSignals): Finding[] {
  const found: Finding[] = objectives.map(({ endpoint, promise, severity, burnRate }) => ({
    state: 'degraded',
    causeId: 'objective-burning',
    subject: `${endpoint} ${promise}`,
    severity,
    cause: `${endpoint} uses up its error budget ${burnRate.toFixed(1)} times too fast (${promise}${severity === 'page' ? ', page' : ''})`,
    next: 'look at the endpoint in the console: since when, and what changed then',
  }));
  for (const { name, daysLeft } of certificates) {
    if (daysLeft > NOTE_DAYS) continue;
    const when = daysLeft <= 0 ? 'has expired' : `expires in ${amount(Math.ceil(daysLeft), 'day')}`;
    found.push({
      state: daysLeft <= WARN_DAYS ? 'degraded' : 'well',
      causeId: 'certificate-expires',
      subject: name,
      cause: `the certificate ${name} ${when}`,
      next: 'renew it in place: the files are read again without a restart',
    });
  }
  const unknown = refused['unauthenticated'] ?? 0;
  if (unknown >= 1 && unknown >= UNKNOWN_SHARE * requestsPerSecond) {
    found.push({
      state: 'well',
      causeId: 'clients-unauthenticated',
      subject: '',
      cause: `${rate(unknown)} of ${rate(requestsPerSecond)} have no valid key and are answered with 401`,
      next: 'give the clients keys (rampart keys create), or set authenticate: false at routes that everybody may use',
    });
  }
  const limited = (refused['rate-limited'] ?? 0) + (refused['too-many-in-flight'] ?? 0);
  if (limited >= LIMITED_LEAST_PER_SECOND) {
    found.push({
      state: 'well',
      causeId: 'client-limited',
      subject: '',
      cause: `clients over their limits are refused ${rate(limited)}`,
      next: 'nothing, if the limits are meant so; rampart keys list shows them',
    });
  }
  return found;
}
