import type { ReportRow } from './report.ts';

/** A line of the failure table: an event, the faults of a run that cause it, and its expected result. */
interface Event {
  readonly what: string;
  readonly faults: readonly string[];
  readonly expected: string;
}

const events: readonly Event[] = [
  { what: 'a worker dies', faults: ['worker killed'], expected: 'its permits are back in milliseconds' },
  {
    what: 'control dies, or stands still',
    faults: ['control killed', 'control stands still', 'control stands still for about a lease'],
    expected: 'the host serves on, with its lease and then its floor',
  },
  {
    what: 'a host loses its power',
    faults: ['host loses its power', 'host killed'],
    expected: 'its permits are lent again after 10 s and the quarantine, its floor after ten minutes',
  },
  {
    what: 'a host stops in order',
    faults: ['host restarted', 'all hosts restarted one by one'],
    expected: 'nothing is lost',
  },
  {
    what: 'a host is cut off from Valkey, not from the backend',
    faults: [
      'host cut off from Valkey',
      'host cut off from Valkey for longer than a lease',
      'host cannot send to Valkey',
      'host cannot hear Valkey',
      'host has no route to Valkey',
      'connections to Valkey are refused',
      'connections to Valkey reset',
      'connections to Valkey half closed',
    ],
    expected: 'everything until its lease ends after 8.7 s, then its floor',
  },
  {
    what: 'a host is cut off from the backend alone',
    faults: ['host cut off from the backend', 'host has no route to the backend'],
    expected: 'its permits move to the others',
  },
  {
    what: 'a process stands still, also for longer than a lease',
    faults: [
      'worker stands still',
      'worker stands still for about a lease',
      'host stands still',
      'host stands still for about a lease',
    ],
    expected: 'each dispatch looks at the clock',
  },
  {
    what: 'Valkey is slow',
    faults: [
      'connection to Valkey slow (300 to 400 ms)',
      'answers of Valkey wait',
      'calls to Valkey wait and run late',
      'answers of Valkey are lost',
      'Valkey busy with a script (300 ms)',
    ],
    expected: 'nothing, while leases last',
  },
  {
    what: 'Valkey is gone',
    faults: ['Valkey stands still', 'Valkey away', 'Valkey stands still for about a lease'],
    expected: 'nothing for 5.7 s, then the floors: half of the cap',
  },
  {
    what: 'a failover, with and without lost writes',
    faults: ['primary killed', 'primary killed after its replica was cut off'],
    expected: 'nothing moves for 13 s',
  },
  {
    what: 'all data of Valkey is lost',
    faults: ['FLUSHALL', 'Valkey restarted without its data'],
    expected: 'nothing moves for 13 s',
  },
  {
    what: 'many hosts join at once',
    faults: ['4 hosts join at once', '20 hosts join at once'],
    expected: 'the others confirm lower floors first',
  },
  {
    what: 'a host starts while Valkey is gone',
    faults: ['host killed and started while Valkey is away'],
    expected: 'it serves with the floor in its file',
  },
  {
    what: 'two processes with the name of one host',
    faults: ['second process with the same host id'],
    expected: 'one of them gets permits',
  },
  {
    what: 'PostgreSQL stands still, is killed, or cannot be reached',
    faults: [
      'PostgreSQL stands still',
      'PostgreSQL stands still until workers count as dead',
      'PostgreSQL killed',
      'connections of a host to PostgreSQL ended',
      'host cut off from PostgreSQL',
      'host cut off from PostgreSQL until its workers count as dead',
    ],
    expected: 'calls go on; batches wait, and each item gets one result',
  },
  {
    what: 'a worker of batches dies, or stands still',
    faults: ['batch worker killed', 'batch worker stands still', 'batch worker stands still until it counts as dead'],
    expected: 'another one takes its chunk; each item gets one result',
  },
  {
    what: 'the shared cache is gone, slow or empty',
    faults: [
      'shared cache stands still',
      'shared cache killed',
      'shared cache emptied',
      'host cut off from the shared cache',
    ],
    expected: 'the backend is asked; no reply is older than a purge',
  },
];

/** The failure table of a run in Markdown: each event with its expected result and the figures of the run. */
export function failureTable(rows: readonly ReportRow[]): string {
  const lines = events.map(({ what, faults, expected }) => {
    const found = rows.filter(({ name }) => faults.includes(name));
    return `| ${[what, expected, ...measured(found)].join(' | ')} |`;
  });
  return [
    '| event | what must come of it | times | most in flight | over, permits × s | least of the cap used | failed there | elsewhere |',
    '|---|---|---:|---:|---:|---:|---:|---:|',
    ...lines,
  ].join('\n');
}

function measured(rows: readonly ReportRow[]): string[] {
  if (rows.length === 0) return ['not in this run', '', '', '', '', ''];
  const sum = (of: (row: ReportRow) => number): number => rows.reduce((all, row) => all + of(row), 0);
  return [
    String(rows.length),
    `${Math.max(...rows.map(({ maxInFlight }) => maxInFlight))} of ${rows[0]?.cap}`,
    (sum(({ overPermitMs }) => overPermitMs) / 1000).toFixed(1),
    `${(Math.min(...rows.map(({ usedShare }) => usedShare)) * 100).toFixed(1)} %`,
    String(sum(({ errorsAtStruck }) => errorsAtStruck)),
    String(sum(({ errorsElsewhere }) => errorsElsewhere)),
  ];
}

/** The faults that no event of the table names. */
export const faultsOfNoEvent = (names: readonly string[]): string[] =>
  names.filter((name) => !events.some(({ faults }) => faults.includes(name)));
