import { seededRandom } from '../../src/core/random.ts';
import type { LiveListener, LiveSource } from '../../src/control/see/live-source.ts';
import {
  type BackendView,
  type EndpointView,
  type HistoryColumn,
  type HistoryView,
  historyColumns,
  type HostChange,
  type LiveView,
} from '../../src/protocol/live-view.ts';

export type FakeState = 'well' | 'overloaded' | 'backend-down' | 'quiet';

interface FakeSize {
  readonly backends: number;
  readonly workers: number;
}

/** A host that exists in numbers only, for tests and pictures of what shows it: the same seconds give the same views. */
export class FakeLiveSource implements LiveSource {
  view: LiveView;
  readonly changes: HostChange[] = [];
  readonly #listeners = new Set<LiveListener>();
  readonly #size: FakeSize;
  readonly #startedAtMs: number;
  #state: FakeState;
  #second = 0;

  constructor(
    state: FakeState = 'well',
    size: FakeSize = { backends: 4, workers: 2 },
    startedAtMs = 1_795_000_000_000,
  ) {
    this.#state = state;
    this.#size = size;
    this.#startedAtMs = startedAtMs;
    this.view = this.#viewNow();
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  subscribe(listener: LiveListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Another second has passed. */
  step(state: FakeState = this.#state): void {
    this.#state = state;
    this.#second++;
    this.view = this.#viewNow();
    for (const listener of this.#listeners) listener.second(this.view);
  }

  change(text: string, kind: HostChange['kind'] = 'cap', who: string | null = null): HostChange {
    const change = { id: this.changes.length + 1, atMs: this.view.atMs, kind, text, who };
    this.changes.push(change);
    for (const listener of this.#listeners) listener.changed(change);
    return change;
  }

  history(fromMs: number, toMs: number, maxPoints: number): HistoryView {
    const stepMs = Math.max(1000, Math.ceil((toMs - fromMs) / maxPoints / 1000) * 1000);
    const length = Math.floor((toMs - fromMs) / stepMs);
    const columns = Object.fromEntries(
      historyColumns.map((column) => [
        column,
        Array.from({ length }, (_, at) => this.#past(column, (fromMs + at * stepMs) / 1000, (length - at) / length)),
      ]),
    ) as Record<HistoryColumn, (number | null)[]>;
    return { schemaVersion: 1, stepMs, fromMs, columns, changes: this.changes.filter(({ atMs }) => atMs >= fromMs) };
  }

  #past(column: HistoryColumn, second: number, age: number): number | null {
    const isTroubled = this.#state !== 'well' && this.#state !== 'quiet' && age < 0.12;
    const rate = 205 + 22 * Math.sin(second / 170) + 14 * wobble(second / 40) + 5 * wobble(second);
    const values: Record<HistoryColumn, number> = {
      requestsPerSecond: isTroubled && this.#state === 'overloaded' ? 352 + 6 * wobble(second) : rate,
      p50Ms: (isTroubled && this.#state === 'overloaded' ? 96 : 55) + 2 * wobble(second),
      p95Ms: (isTroubled && this.#state === 'overloaded' ? 480 : isTroubled ? 96 : 71) + 4 * wobble(second + 3),
      p99Ms:
        (isTroubled && this.#state === 'overloaded' ? 820 : isTroubled ? 141 : 104) +
        9 * wobble(second + 7) +
        8 * wobble(second / 30),
      refusedPerSecond: isTroubled && this.#state === 'overloaded' ? 64 + 9 * wobble(second) : 0,
      errorsPerSecond: isTroubled && this.#state === 'backend-down' ? Math.max(0, 2 * wobble(second)) : 0,
      inFlight: 12,
      queued: isTroubled ? 41 : 0,
      permitUse: isTroubled && this.#state === 'overloaded' ? 1 : Math.min(1, rate / (isTroubled ? 218 : 290)),
      processorUse: isTroubled ? 0.82 + 0.02 * wobble(second) : rate / 410 + 0.02 * wobble(second),
      state: isTroubled ? (this.#state === 'overloaded' ? 2 : 1) : 0,
    };
    return values[column];
  }

  #viewNow(): LiveView {
    const atMs = this.#startedAtMs + this.#second * 1000;
    const isOver = this.#state === 'overloaded';
    const isDown = this.#state === 'backend-down';
    const isQuiet = this.#state === 'quiet';
    const rate = isQuiet ? 0 : rounded((isOver ? 291 : 214) + 9 * wobble(this.#second));
    const permits = this.#size.backends * 4;
    const inFlight = isQuiet ? 0 : isOver ? permits : Math.round(permits * 0.72);
    return {
      schemaVersion: 1,
      atMs,
      version: '0.1.0',
      node: 'v26.12.1',
      startedAtMs: this.#startedAtMs - 11_520_000,
      verdict: { ...verdicts[this.#state], sinceMs: this.#startedAtMs - (isOver || isDown ? 94_000 : 11_400_000) },
      numbers: {
        requestsPerSecond: rate,
        p50Ms: isQuiet ? null : isOver ? 96 : 55,
        p95Ms: isQuiet ? null : rounded((isOver ? 486 : 71) + 4 * wobble(this.#second)),
        p99Ms: isQuiet ? null : rounded((isOver ? 815 : 104) + 9 * wobble(this.#second + 5)),
        inFlight,
        queued: isOver ? 41 : 0,
        streams: 3,
        errorShare: isDown ? 0.004 : 0,
        refusedPerSecond: isOver ? rounded(64 + 5 * wobble(this.#second)) : 0,
        refusedBy: isOver ? { overloaded: rounded(51 + 5 * wobble(this.#second)), 'queue-timeout': 13 } : {},
        refusedKeys: isOver
          ? {
              '0197-shop': {
                name: 'shop',
                refusedBy: { overloaded: rounded(38 + 4 * wobble(this.#second)), 'queue-timeout': 9 },
              },
              '0197-nightly': { name: 'nightly import', refusedBy: { 'rate-limited': 6 } },
            }
          : {},
        cacheHitShare: 0.42,
      },
      chain: [
        { name: 'clients', use: 0.11, text: '112 of 1,024 connections' },
        { name: 'queue', use: isOver ? 0.64 : 0, text: isOver ? '41 of 64 places' : 'nobody waits' },
        { name: 'permits', use: inFlight / permits, text: `${inFlight} of ${permits} permits` },
        {
          name: 'backends',
          use: isDown ? 0.25 : 0,
          text: isDown ? `1 of ${this.#size.backends} is down` : `all ${this.#size.backends} serve`,
        },
        { name: 'processors', use: isOver ? 0.83 : 0.52, text: isOver ? '3.3 of 4 processors' : '2.1 of 4 processors' },
        { name: 'database', use: null, text: 'not asked' },
      ],
      upstreams: {
        generator: {
          inFlight,
          cap: permits,
          permits,
          queued: isOver ? 41 : 0,
          streams: 3,
          requestsPerSecond: rate,
          backends: this.#backends(rate),
        },
      },
      workers: Object.fromEntries(
        Array.from({ length: this.#size.workers }, (_, index) => [
          `gateway-${index}`,
          {
            pid: 4100 + index,
            startedAtMs: this.#startedAtMs - 11_500_000,
            requestsPerSecond: rounded(rate / this.#size.workers),
            inFlight: Math.round(inFlight / this.#size.workers),
            connections: 56,
            processors: rounded(0.31 + 0.04 * wobble(this.#second + index)),
            rssBytes: 96_000_000 + 1_000_000 * index,
            eventLoopP99Ms: 2.1,
            configVersion: 7,
            silentMs: null,
          },
        ]),
      ),
      processes: {
        'batch-0': {
          role: 'batch',
          instance: 0,
          pid: 4200,
          startedAtMs: this.#startedAtMs - 11_500_000,
          processors: 0.01,
          rssBytes: 81_000_000,
          eventLoopP99Ms: 1.2,
        },
      },
      endpoints: this.#endpoints(rate),
      config: { version: 7, hash: '5f1d2ab09c', sinceMs: this.#startedAtMs - 7_200_000, isAgreed: true },
    };
  }

  #backends(rate: number): Record<string, BackendView> {
    const count = this.#size.backends;
    return Object.fromEntries(
      Array.from({ length: count }, (_, index): [string, BackendView] => {
        const isDown = this.#state === 'backend-down' && index === 2;
        const inFlight =
          isDown || this.#state === 'quiet'
            ? 0
            : this.#state === 'overloaded'
              ? 4
              : 2 + ((this.#second + index) % 3 === 0 ? 1 : 0);
        return [
          `generator-${index}`,
          {
            origin: `http://127.0.0.1:${9100 + index}`,
            up: !isDown,
            problem: isDown ? 'connection refused' : null,
            isEjected: false,
            isDrained: false,
            inFlight,
            leased: 4,
            cap: 4,
            requestsPerSecond: isDown ? 0 : rounded(rate / count + 2 * wobble(this.#second + index * 5)),
            failedPerSecond: 0,
          },
        ];
      }),
    );
  }

  #endpoints(rate: number): Record<string, EndpointView> {
    const isOver = this.#state === 'overloaded';
    const of = (share: number, p95Ms: number, targetP95Ms: number | null, budgetLeft: number | null): EndpointView => ({
      requestsPerSecond: rounded(rate * share + (share > 0 ? wobble(this.#second) : 0)),
      inFlight: Math.round(10 * share),
      p95Ms: this.#state === 'quiet' ? null : rounded(p95Ms + 3 * wobble(this.#second)),
      p99Ms: p95Ms * 1.6,
      targetP95Ms,
      errorShare: 0,
      refusedPerSecond: isOver ? rounded(64 * share) : 0,
      budgetLeft,
    });
    return {
      createBarcode: of(0.5, isOver ? 486 : 92, 150, isOver ? 0.31 : 0.88),
      getBarcode: of(0.34, isOver ? 61 : 12, 100, 0.97),
      listBarcodes: of(0.14, isOver ? 92 : 31, 200, 0.99),
      shop: of(0.02, 18, null, null),
    };
  }
}

const rounded = (value: number): number => Number(value.toPrecision(3));
/** Noise from -1 to 1 that is the same in every run, and as restless as real figures. */
function wobble(at: number): number {
  const whole = Math.floor(at / 2);
  const noise = (index: number): number => seededRandom(index * 2_654_435_761)() * 2 - 1;
  const part = at / 2 - whole;
  return 0.6 * (noise(whole) * (1 - part) + noise(whole + 1) * part) + 0.4 * noise(Math.floor(at) + 77);
}

const verdicts: Readonly<Record<FakeState, Omit<LiveView['verdict'], 'sinceMs'>>> = {
  well: { state: 'well', causeId: 'none', cause: 'everything is in order', next: '', others: [] },
  quiet: { state: 'well', causeId: 'none', cause: 'no requests at the moment', next: '', others: [] },
  overloaded: {
    state: 'overloaded',
    causeId: 'permits',
    cause: '16 requests in flight take all 16 permits of upstream generator: 64 requests/s refused',
    next: 'add a backend, or raise its cap if its processors have room',
    others: [
      {
        state: 'degraded',
        causeId: 'objective-burning',
        cause: 'createBarcode uses up its error budget of 30 days within 2 days',
        next: 'see the objective',
      },
    ],
  },
  'backend-down': {
    state: 'degraded',
    causeId: 'backend-down',
    cause: 'backend generator-2 of upstream generator is down (connection refused); 3 of 4 serve',
    next: 'start it again, or look into its log',
    others: [],
  },
};
