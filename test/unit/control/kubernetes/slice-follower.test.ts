import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { pino } from 'pino';
import { Findings } from '../../../../src/control/findings.ts';
import type { SliceApi, SliceEvent, SliceList } from '../../../../src/control/kubernetes/slice-api.ts';
import { SliceFollower } from '../../../../src/control/kubernetes/slice-follower.ts';
import type { SliceObject } from '../../../../src/control/kubernetes/slice-objects.ts';
import { Discovered, type FoundBackend } from '../../../../src/policy/membership/discovered.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const slice = (...numbers: number[]): SliceObject => ({
  metadata: { name: 'app-1' },
  addressType: 'IPv4',
  endpoints: numbers.map((each) => ({ addresses: [`10.0.0.${each}`] })),
  ports: [{ port: 80 }],
});
const found = (last: number): FoundBackend => ({ address: `10.0.0.${last}`, port: 80, priority: 0 });

/** An API server whose watches the test ends, and whose lists it makes. */
class FakeApi implements SliceApi {
  lists = 0;
  watches = 0;
  connectionsEnded = 0;
  answer: () => Promise<SliceList> = async () => ({ slices: [slice(1, 2)], version: '7' });
  send: (event: SliceEvent) => void = () => undefined;
  endWatch: (error?: Error) => void = () => undefined;

  list(): Promise<SliceList> {
    this.lists++;
    return this.answer();
  }

  watch(version: string, onEvent: (event: SliceEvent) => void, signal: AbortSignal): Promise<void> {
    assert.equal(version, '7');
    this.watches++;
    this.send = onEvent;
    return new Promise((resolve, reject) => {
      this.endWatch = (error) => (error === undefined ? resolve() : reject(error));
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }

  close(): void {
    this.connectionsEnded++;
  }
}

describe('a follower of slices', () => {
  let clock: ManualClock;
  let api: FakeApi;
  let findings: Findings;
  let follower: SliceFollower;
  const results: string[] = [];

  const follow = (more: { saved?: FoundBackend[]; fallback?: () => Promise<FoundBackend[]> } = {}): void => {
    const { saved = [], fallback } = more;
    const backends = saved.map(({ address }) => ({ id: `${address}:80`, origin: `http://${address}` }));
    findings = new Findings(
      {
        upstream: 'app',
        name: 'app',
        log: pino({ level: 'silent' }),
        onChange: () => undefined,
        note: (_, result) => results.push(result),
      },
      new Discovered('http', backends, 1),
    );
    const bug = (error: unknown): void => assert.fail(String(error));
    follower = new SliceFollower({
      clock,
      random: () => 0,
      api,
      wish: { service: 'app', port: undefined, isLocal: false },
      findings,
      saved,
      fallback,
      bug,
    });
  };
  const turn = () => new Promise(setImmediate);
  const pass = async (ms: number): Promise<void> => {
    await turn();
    clock.advance(ms);
    await turn();
  };
  const known = (): string => findings.backends.map(({ id }) => id.replace('10.0.0.', '').replace(':80', '')).join(' ');

  beforeEach(() => {
    clock = new ManualClock();
    api = new FakeApi();
    results.length = 0;
  });
  afterEach(() => follower.stop());

  test('lists, watches, and lists anew after 30 s, even if the watch says nothing any more', async () => {
    follow();
    await turn();
    assert.equal(known(), '1 2');
    api.send({ kind: 'changed', slice: slice(1, 2, 3) });
    clock.advance(100);
    assert.equal(known(), '1 2 3');
    api.answer = async () => ({ slices: [slice(1, 2, 4)], version: '7' });
    await pass(29_899);
    assert.deepEqual([api.lists, api.watches], [1, 1]);
    await pass(1);
    assert.deepEqual([api.lists, api.watches, known()], [2, 2, '1 2 4']);
    assert.deepEqual(findings.status(), { name: 'app', backends: 3, problem: null });
  });

  test('a watch that breaks is followed by a list at once, and one that always breaks by later and later ones', async () => {
    follow();
    await pass(10_000);
    api.endWatch(new Error('410 Gone'));
    await pass(0);
    assert.deepEqual([api.lists, api.watches], [2, 2]);
    assert.equal(findings.status().problem, null);
    for (const [pauseMs, lists] of [
      [500, 3],
      [1000, 4],
      [2000, 5],
      [4000, 6],
    ] as const) {
      api.endWatch(new Error('403 Forbidden'));
      await pass(pauseMs - 1);
      assert.equal(api.lists, lists - 1);
      await pass(1);
      assert.equal(api.lists, lists);
    }
    assert.equal(findings.status().problem, 'each watch ends early: 403 Forbidden');
    assert.equal(known(), '1 2');
    await pass(30_000);
    await pass(30_000);
    assert.equal(findings.status().problem, null);
  });

  test('a server that fails, answers nothing, or has an empty list changes nothing', async () => {
    follow({ saved: [found(1), found(2)] });
    const answers: [SliceList | Error | 'hangs', RegExp, string][] = [
      [new Error('the API server answered 503'), /503/, 'failed'],
      [{ slices: [], version: '7' }, /no EndpointSlice: is its name right/, 'empty'],
      [{ slices: [slice()], version: '7' }, /no endpoint of the Service is ready/, 'empty'],
      ['hangs', /no answer within 30 s/, 'failed'],
    ];
    for (const [answer, problem, result] of answers) {
      api.answer = () => {
        if (answer === 'hangs') return new Promise(() => undefined);
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      };
      // A watch of 30 s, and then a list that may take 30 s.
      for (let second = 0; second < 70; second++) await pass(1000);
      assert.match(findings.status().problem ?? '', problem);
      assert.equal(results.at(-1), result);
      assert.equal(known(), '1 2');
    }
  });

  test('a flood of events is refused, and its changes are taken in together', async () => {
    let changes = 0;
    follow();
    await turn();
    findings.use = () => void changes++;
    for (let index = 0; index < 500; index++) api.send({ kind: 'changed', slice: slice(1, 2, index % 250) });
    assert.throws(() => api.send({ kind: 'changed', slice: slice(1) }), /more than 500 events a second/);
    clock.advance(100);
    assert.equal(changes, 1);
    await pass(1000);
    api.send({ kind: 'changed', slice: slice(1) });
  });

  test('of more endpoints than a host takes it says so', async () => {
    api.answer = async () => ({
      slices: [
        {
          ...slice(),
          endpoints: Array.from({ length: 300 }, (_, index) => ({
            addresses: [`10.0.${index % 250}.${Math.floor(index / 250) + 1}`],
          })),
        },
      ],
      version: '7',
    });
    follow();
    await turn();
    assert.match(findings.status().problem ?? '', /there are \d+ endpoints, of which 256 are used/);
    assert.equal(findings.status().backends, 256);
  });

  test('DNS is asked when the second list has failed, and its answer is no reason to believe the API less later', async () => {
    api.answer = () => Promise.reject(new Error('connect ECONNREFUSED'));
    follow({ fallback: async () => [found(8), found(9)] });
    await turn();
    assert.equal(known(), '');
    await pass(1000);
    assert.equal(known(), '8 9');
    assert.equal(findings.status().problem, 'connect ECONNREFUSED; DNS is used meanwhile');
    api.answer = async () => ({ slices: [slice(9)], version: '7' });
    await pass(2000);
    assert.deepEqual([known(), findings.status().problem], ['9', null]);
  });

  test('after a stop nothing is asked, and nothing that comes late is used', async () => {
    let answer: (list: SliceList) => void = () => undefined;
    api.answer = () => new Promise((resolve) => (answer = resolve));
    follow();
    await turn();
    follower.stop();
    answer({ slices: [slice(1)], version: '7' });
    await pass(120_000);
    assert.deepEqual([api.lists, api.watches, known(), results.length], [1, 0, '', 0]);
    assert.ok(api.connectionsEnded >= 1);
  });
});
