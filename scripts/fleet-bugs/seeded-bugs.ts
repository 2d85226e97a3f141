/** A defect that is put into a copy of the code, to see whether the tests of the fleet's promises find it. */
export interface SeededBug {
  /** The effect, as a sentence without its stop. */
  readonly name: string;
  readonly file: string;
  /** A text that the file has exactly once, and what takes its place. */
  readonly from: string;
  readonly to: string;
  /** The tests that check the promise which it breaks. */
  readonly tests: readonly string[];
  /** A run of the fleet that must find the defect. `tests` is empty then. */
  readonly run?: FleetRun;
}

export interface FleetRun {
  /** Arguments of `npm run fleet:test`. */
  readonly args: readonly string[];
  /** Matches the broken promise that shows the defect. */
  readonly finds: RegExp;
}

const leases = [
  'test/unit/policy/fleet/fleet-book.test.ts',
  'test/unit/policy/fleet/fleet-lease.test.ts',
  'test/unit/policy/fleet/fleet-leases.test.ts',
];
const news = [
  'test/unit/control/fleet/news-desk.test.ts',
  'test/unit/policy/fleet/news-progress.test.ts',
  'test/unit/policy/fleet/worker-trust.test.ts',
];
const batches = ['test/integration/batch-queue.test.ts'];

/** Arguments of the run on code without a defect. */
export const soundRun = ['--seconds', '20', '--fault', 'host restarted'];
const olderReplies = { args: ['--seconds', '25', '--fault', 'batch worker killed'], finds: /replies are older/ };

const book = 'src/policy/fleet/fleet-book.ts';
const backendBook = 'src/policy/fleet/backend-book.ts';
const lease = 'src/policy/fleet/fleet-lease.ts';

/** One for each rule that keeps a promise of docs/fleet.md and docs/fleet-cache.md. */
export const seededBugs: readonly SeededBug[] = [
  {
    name: 'A host uses its lease to the last moment, whatever the rates of two clocks are',
    file: 'src/policy/fleet/fleet-times.ts',
    from: 'GUARD_MS = LEASE_MS * CLOCK_RATE_ERROR + UNNOTICED_STEP_MS',
    to: 'GUARD_MS = 0 * UNNOTICED_STEP_MS',
    tests: leases,
  },
  {
    name: 'Permits of a silent host are lent again while its requests go on',
    file: backendBook,
    from: 'const until = leaseEnd + quarantineMs;',
    to: 'const until = leaseEnd + 0 * quarantineMs;',
    tests: leases,
  },
  {
    name: 'A book that has lost its data lends at once',
    file: book,
    from: 'const learns = now - this.#learnsSince < LEARNING_MS + claim.quarantineMs;',
    to: 'const learns = now - this.#learnsSince < 0 * (LEARNING_MS + claim.quarantineMs);',
    tests: leases,
  },
  {
    name: 'A lower floor counts before its host knows of it',
    file: backendBook,
    from: 'if (wanted <= entry.floor) return wanted;',
    to: 'if (wanted <= entry.floor) return (entry.floor = wanted);',
    tests: leases,
  },
  {
    name: 'A call that was given up has an effect when it runs late',
    file: book,
    from: 'if (call.incarnation === known.incarnation && call.seq <= known.seq)',
    to: 'if (call.incarnation === known.incarnation && call.seq < 0)',
    tests: leases,
  },
  {
    name: 'Two processes with the name of one host both have its permits',
    file: book,
    from: 'if (call.incarnation < known.incarnation) {',
    to: 'if (call.incarnation < 0) {',
    tests: leases,
  },
  {
    name: 'A lease counts from its answer, not from its call',
    file: lease,
    from: 'this.#endsAt = sentAt + LEASE_MS - GUARD_MS;',
    to: 'this.#endsAt = at.now + LEASE_MS - GUARD_MS;',
    tests: leases,
  },
  {
    name: 'A machine that was suspended goes on with its lease',
    file: lease,
    from: 'return now < this.#endsAt && this.#stoodStillMs(now, wall) <= GUARD_MS;',
    to: 'return now < this.#endsAt && this.#stoodStillMs(now, wall) <= 1e9 * GUARD_MS;',
    tests: leases,
  },
  {
    name: 'A step of the clock of Valkey ends leases',
    file: book,
    from: 'if (isStep) this.#offset += now - expectedAt;',
    to: 'if (isStep) this.#offset += 0;',
    tests: leases,
  },
  {
    name: 'A purge reaches only the hosts that hear its nudge',
    file: 'src/control/fleet/news-reader.ts',
    from: "else this.#timers.start('read', READ_MS, () => this.step());",
    to: "else this.#timers.start('read', 1e6 * READ_MS, () => this.step());",
    tests: news,
  },
  {
    name: 'Lost news is not noticed',
    file: 'src/policy/fleet/news-progress.ts',
    from: 'if (!known || hasGap) {',
    to: 'if (!known) {',
    // Not the model of the news desk: it also finds the defect, but takes minutes to shrink the history.
    tests: ['test/unit/policy/fleet/news-progress.test.ts'],
  },
  {
    name: 'A purge is acknowledged before the workers have carried it out',
    file: 'src/policy/fleet/worker-trust.ts',
    from: '    let applied = last;\n',
    to: '    let applied = last;\n    if (now >= 0) return last;\n',
    tests: news,
  },
  {
    name: 'Stored replies are used without news for as long as they last',
    file: 'src/policy/fleet/worker-trust.ts',
    from: 'export const TRUST_MS = 5000;',
    to: 'export const TRUST_MS = 5_000_000;',
    tests: news,
  },
  {
    name: 'A worker that was taken for dead completes the attempt that came after it',
    file: 'src/store/batches/chunk-store.ts',
    from: "WHERE name = $1 AND id = $2 AND state = 'active' AND retry_count = $3 FOR UPDATE",
    to: 'WHERE name = $1 AND id = $2 AND $3::int IS NOT NULL FOR UPDATE',
    tests: batches,
  },
  {
    name: 'A worker confirms a purge and keeps the replies',
    file: 'src/gateway/cache/cache.ts',
    from: 'return this.store.purge(target, this.#clock.now());',
    to: 'return 0;',
    tests: [],
    run: olderReplies,
  },
  {
    name: 'A reply is stored although its request to the backend began before the purge',
    file: 'src/gateway/cache/cache.ts',
    from: 'for (const fetch of this.#fetches) if (matches(fetch.key, target)) fetch.invalidate();',
    to: '',
    tests: [],
    run: olderReplies,
  },
  {
    name: 'A reply in the shared cache outlives a purge',
    file: 'src/gateway/cache/shared-cache.ts',
    from: 'const verdict = this.marks.verdictOn({ endpoint, host, target, text, groups, fetchedAt: value.fetchedAt });',
    to: "const verdict = [endpoint, host, target, text, groups].length > 0 ? 'valid' : 'outdated';",
    tests: [],
    run: olderReplies,
  },
  {
    name: 'A repeated request for a batch creates the batch twice',
    file: 'src/store/batches/batch-claim.ts',
    from: "WHERE idempotency_keys.created_at < now() - $4 * interval '1 millisecond'",
    to: "WHERE idempotency_keys.created_at < now() + $4 * interval '1 millisecond'",
    tests: [],
    run: { args: ['--seconds', '15', '--fault', 'batch worker killed'], finds: /have two results/ },
  },
  {
    name: 'A worker that is stopped forgets the rest of its chunk',
    file: 'src/store/batches/chunk-store.ts',
    from: "if (end === 'put-back') await",
    to: "if (end === 'more') await",
    tests: [],
    run: { args: soundRun, finds: /have no result/ },
  },
];
