import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pino } from 'pino';
import { AlertDesk } from '../../../../src/control/alerts/alert-desk.ts';
import type { SinkResult } from '../../../../src/control/alerts/sink.ts';
import type { Finding } from '../../../../src/policy/verdict/finding.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-alerts-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Sent {
  readonly url: string;
  readonly body: {
    readonly status: string;
    readonly alerts: readonly { readonly status: string; readonly fingerprint: string; readonly startsAt: string }[];
  };
}

const finding = (subject: string): Finding => ({
  state: 'degraded',
  causeId: 'backend-down',
  subject,
  cause: `${subject} is down`,
  next: 'start it',
});
const delivered: SinkResult = { outcome: 'delivered' };
let files = 0;

/** A host whose control is started again and again with the same file; time goes on by the second. */
class Host {
  readonly clock = new ManualClock();
  readonly sent: Sent[] = [];
  answer: (sent: Sent) => SinkResult | Promise<SinkResult> = () => delivered;
  findings: readonly Finding[] = [];
  readonly #path = join(folder, `${++files}.json`);
  readonly #urls: { readonly webhookUrl: string | undefined; readonly alertmanagerUrl: string | undefined };
  #life = 0;
  desk: AlertDesk;

  constructor(
    urls = { webhookUrl: 'http://hook/' as string | undefined, alertmanagerUrl: undefined as string | undefined },
  ) {
    this.#urls = urls;
    this.desk = this.start();
  }

  /** Another control, as after a kill: nothing of the one before is closed. */
  start(): AlertDesk {
    const life = ++this.#life;
    const post = async (url: string, body: unknown): Promise<SinkResult> => {
      // A control that was killed neither sends nor hears anything.
      if (life !== this.#life) return new Promise(() => {});
      const sent = { url, body: body as Sent['body'] };
      this.sent.push(sent);
      return this.answer(sent);
    };
    const log = pino({ level: 'silent' });
    const origin = { host: 'h', adminUrl: 'http://admin/' };
    this.desk = new AlertDesk({
      ...quietInstruments(),
      clock: this.clock,
      random: () => 0.5,
      log,
      path: this.#path,
      origin,
      ...this.#urls,
      post,
    });
    return this.desk;
  }

  async seconds(count: number): Promise<void> {
    for (let second = 0; second < count; second++) {
      this.clock.advance(1000);
      this.desk.second(this.findings);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  }

  told(): string[] {
    return this.sent.map(({ body }) =>
      body.alerts.map(({ status, fingerprint }) => `${status} ${fingerprint.slice(0, 4)}`).join(', '),
    );
  }
}

test('50 restarts while an alert fires: it is told once, and its end once', async () => {
  const host = new Host();
  host.findings = [finding('a')];
  await host.seconds(40);
  for (let restart = 0; restart < 50; restart++) {
    host.start();
    await host.seconds(5);
  }
  assert.equal(host.sent.length, 1);
  host.findings = [];
  host.start();
  await host.seconds(400);
  assert.deepEqual(
    host.sent.map(({ body }) => body.status),
    ['firing', 'resolved'],
  );
  assert.equal(host.sent[0]?.body.alerts[0]?.startsAt, host.sent[1]?.body.alerts[0]?.startsAt);
});

test('a control that is killed while a message is under way sends the same message once more', async () => {
  const host = new Host();
  host.answer = () => new Promise<SinkResult>(() => {});
  host.findings = [finding('a')];
  await host.seconds(35);
  assert.equal(host.sent.length, 1);
  host.answer = () => delivered;
  host.start();
  await host.seconds(60);
  host.start();
  await host.seconds(60);
  assert.equal(host.sent.length, 2);
  assert.deepEqual(host.sent[0]?.body, host.sent[1]?.body);
});

test('a receiver that is away for ten minutes gets every message, in order', async () => {
  const host = new Host();
  const taken: string[] = [];
  let isAway = true;
  host.answer = ({ body }) => {
    if (isAway) return { outcome: 'failed', why: 'ECONNREFUSED', retryAfterMs: undefined };
    taken.push(body.status);
    return delivered;
  };
  host.findings = [finding('a')];
  await host.seconds(150);
  host.findings = [];
  await host.seconds(450);
  isAway = false;
  host.start();
  await host.seconds(120);
  assert.deepEqual(taken, ['firing', 'resolved']);
});

test('a receiver that rejects a message is not asked again; Retry-After is kept to', async () => {
  const host = new Host();
  host.answer = () => ({ outcome: 'rejected', why: 'the receiver answered 400' });
  host.findings = [finding('a')];
  await host.seconds(200);
  assert.equal(host.sent.length, 1);
  const slow = new Host();
  slow.answer = () => ({ outcome: 'failed', why: 'the receiver answered 429', retryAfterMs: 120_000 });
  slow.findings = [finding('a')];
  await slow.seconds(30 + 119);
  assert.equal(slow.sent.length, 1);
  await slow.seconds(3);
  assert.equal(slow.sent.length, 2);
});

test('an Alertmanager is told after ten seconds and each minute, and when it is over', async () => {
  const host = new Host({ webhookUrl: undefined, alertmanagerUrl: 'http://am/' });
  host.findings = [finding('a')];
  await host.seconds(125);
  assert.deepEqual(
    host.sent.map(({ url }) => url),
    ['http://am/api/v2/alerts', 'http://am/api/v2/alerts', 'http://am/api/v2/alerts'],
  );
  host.findings = [];
  await host.seconds(61);
  const [last] = (host.sent.at(-1)?.body ?? []) as unknown as { endsAt: string }[];
  assert.ok(Date.parse(last?.endsAt ?? '') <= host.clock.wallNow());
  await host.seconds(300);
  const { length } = host.sent;
  await host.seconds(200);
  assert.equal(host.sent.length, length);
});

test('the second without workers in which control starts reaches no receiver, however often it starts', async () => {
  const host = new Host({ webhookUrl: 'http://hook/', alertmanagerUrl: 'http://am/' });
  for (let restart = 0; restart < 3; restart++) {
    host.start();
    host.findings = [finding('a')];
    await host.seconds(3);
    assert.deepEqual(host.desk.alerts, []);
    host.findings = [];
    await host.seconds(9);
  }
  await host.seconds(90);
  assert.deepEqual(host.sent, []);
});

test('silences outlive control; a silenced alert is shown and not sent', async () => {
  const host = new Host();
  host.desk.addSilence({
    id: 's',
    matchers: [{ name: 'subject', value: 'a', isEqual: true }],
    startsAtMs: 0,
    endsAtMs: host.clock.wallNow() + 600_000,
    createdBy: 'me',
    comment: '',
  });
  host.start();
  host.findings = [finding('a')];
  await host.seconds(100);
  assert.equal(host.sent.length, 0);
  assert.deepEqual(
    host.desk.alerts.map(({ isSilenced, labels }) => [labels['subject'], isSilenced]),
    [['a', true]],
  );
  assert.equal(host.desk.endSilence('s'), true);
  assert.equal(host.desk.endSilence('s'), false);
  await host.seconds(40);
  assert.equal(host.told().length, 1);
});

test('nothing ends for the time in which no control looked', async () => {
  const host = new Host();
  host.findings = [finding('a')];
  await host.seconds(40);
  host.clock.advance(3_600_000);
  host.start();
  // Control knows again what is wrong when its processes are back.
  host.findings = [];
  await host.seconds(45);
  host.findings = [finding('a')];
  await host.seconds(400);
  assert.deepEqual(
    host.sent.map(({ body }) => body.status),
    ['firing'],
  );
});
