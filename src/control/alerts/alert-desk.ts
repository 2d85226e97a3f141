import type { Logger } from 'pino';
import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Counter, Family, Registry } from '../../metrics/instruments.ts';
import { alertOf, type AlertOrigin } from '../../policy/alerts/alert.ts';
import { alertmanagerBody, webhookBody } from './bodies.ts';
import { afterAlerts, type AlertState, hasLasted, type TrackedAlert } from '../../policy/alerts/notifications.ts';
import { isSilenced, type Silence } from '../../policy/alerts/silence.ts';
import { backoffMs } from '../../policy/retry/backoff.ts';
import type { Finding } from '../../policy/verdict/finding.ts';
import { loadAlerts, type Outgoing, saveAlerts } from './alert-file.ts';
import type { SinkResult } from './sink.ts';

export interface AlertDeskDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly bugs: Bugs;
  readonly registry: Registry;
  /** The log of notifications. */
  readonly path: string;
  readonly origin: AlertOrigin;
  readonly webhookUrl: string | undefined;
  readonly alertmanagerUrl: string | undefined;
  readonly post: (url: string, body: unknown) => Promise<SinkResult>;
}

const retryLimits = { firstMs: 1000, maxMs: 60_000 };
/** Alertmanager forgets an alert after five minutes. */
const REPEAT_TO_ALERTMANAGER_MS = 60_000;
const AGAIN_MS = 5000;
const SAVE_INTERVAL_MS = 10_000;
/** A receiver that is away for days must not fill the disk; the oldest messages say least. */
const LARGEST_OUTBOX = 200;
const MOST_SILENCES = 1000;

/** An alert as people see it. */
export interface ShownAlert extends TrackedAlert {
  readonly isSilenced: boolean;
}

/** Turns findings into alerts, and sends them to their receivers: in order, and each once as far as a crash allows. */
export class AlertDesk {
  readonly #dependencies: AlertDeskDependencies;
  readonly #notifications: Family<Counter>;
  #state: AlertState;
  #silences: readonly Silence[];
  #outbox: readonly Outgoing[];
  #failures = 0;
  #isSending = false;
  #timer: Timer | undefined;
  #savedAt = Number.NEGATIVE_INFINITY;
  #toldAlertmanagerAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(dependencies: AlertDeskDependencies) {
    this.#dependencies = dependencies;
    const { path, clock, registry } = dependencies;
    const { state, silences, outbox } = loadAlerts(path);
    const nowMs = clock.wallNow();
    // How things were while no control looked is not known, so no alert ends for that.
    this.#state = {
      ...state,
      tracked: state.tracked.map((one) => (hasLasted(one) ? { ...one, lastSeenMs: nowMs } : one)),
    };
    this.#silences = silences;
    this.#outbox = outbox;
    const help = 'Messages of alerts by receiver and what became of them';
    this.#notifications = registry.counter('rampart_alert_notifications_total', help, 'receiver', 'result');
    this.#send();
  }

  get silences(): readonly Silence[] {
    return this.#silences;
  }

  /** What fires or has ended and is not told yet; silenced ones are shown, not hidden. */
  get alerts(): readonly ShownAlert[] {
    const nowMs = this.#dependencies.clock.wallNow();
    return this.#state.tracked
      .filter((one) => hasLasted(one))
      .map((one) => ({ ...one, isSilenced: isSilenced(one.labels, this.#silences, nowMs) }));
  }

  /** The findings of this second. */
  second(findings: readonly Finding[]): void {
    const { clock, origin, webhookUrl } = this.#dependencies;
    const nowMs = clock.wallNow();
    const before = this.#state;
    const firing = findings.flatMap((finding) => alertOf(finding, origin) ?? []);
    const { state, notification } = afterAlerts(before, firing, this.#silences, nowMs);
    this.#state = state;
    const isChanged = notification !== undefined || namesOf(state) !== namesOf(before);
    if (notification !== undefined && webhookUrl !== undefined) {
      const body = webhookBody(notification, origin.adminUrl);
      this.#outbox = [...this.#outbox, { body, createdAtMs: nowMs }].slice(-LARGEST_OUTBOX);
    }
    // On disk before it is sent: a control that dies in between sends it again, once, rather than never.
    if (isChanged || clock.now() - this.#savedAt >= SAVE_INTERVAL_MS) this.#save();
    this.#send();
    const ended = before.tracked.filter(
      (one) => !state.tracked.some(({ fingerprint }) => fingerprint === one.fingerprint),
    );
    this.#tellAlertmanager(isChanged, ended, nowMs);
  }

  addSilence(silence: Silence): void {
    const nowMs = this.#dependencies.clock.wallNow();
    this.#silences = [...this.#silences.filter(({ endsAtMs }) => endsAtMs > nowMs), silence].slice(-MOST_SILENCES);
    this.#save();
  }

  /** Ends a silence; false if there is none of this id. */
  endSilence(id: string): boolean {
    const isThere = this.#silences.some((one) => one.id === id);
    this.#silences = this.#silences.filter((one) => one.id !== id);
    if (isThere) this.#save();
    return isThere;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#save();
  }

  #send(): void {
    const [first] = this.#outbox;
    const { webhookUrl, bugs } = this.#dependencies;
    if (first === undefined || webhookUrl === undefined || this.#isSending || this.#isClosed) return;
    this.#isSending = true;
    void this.#sendFirst(webhookUrl, first).catch((error: unknown) => {
      this.#isSending = false;
      bugs.report('alerts', error);
    });
  }

  async #sendFirst(url: string, first: Outgoing): Promise<void> {
    const { post, clock, random } = this.#dependencies;
    const result = await post(url, first.body);
    if (this.#isClosed) return;
    this.#note('webhook', result);
    if (result.outcome === 'failed') {
      const delayMs = Math.max(backoffMs(++this.#failures, retryLimits, random), result.retryAfterMs ?? 0);
      this.#timer = clock.setTimeout(() => {
        this.#isSending = false;
        this.#send();
      }, delayMs);
      return;
    }
    this.#failures = 0;
    this.#outbox = this.#outbox.filter((one) => one !== first);
    this.#save();
    this.#isSending = false;
    this.#send();
  }

  /** On a change, and again each minute. What ended is told once; Alertmanager also forgets it by itself. */
  #tellAlertmanager(isChanged: boolean, ended: readonly TrackedAlert[], nowMs: number): void {
    const { alertmanagerUrl, clock, origin, bugs } = this.#dependencies;
    if (alertmanagerUrl === undefined) return;
    const isDue = clock.now() - this.#toldAlertmanagerAt >= REPEAT_TO_ALERTMANAGER_MS;
    const all = [...this.#state.tracked, ...ended.map((one) => ({ ...one, endsAtMs: one.endsAtMs ?? nowMs }))];
    const alerts = all.filter((one) => hasLasted(one));
    if (alerts.length === 0 || (!isChanged && !isDue)) return;
    this.#toldAlertmanagerAt = clock.now();
    const url = `${alertmanagerUrl.replace(/\/+$/, '')}/api/v2/alerts`;
    void this.#post(url, alertmanagerBody(alerts, origin.adminUrl, nowMs)).catch((error: unknown) =>
      bugs.report('alerts', error),
    );
  }

  async #post(url: string, body: unknown): Promise<void> {
    const { post, clock } = this.#dependencies;
    const result = await post(url, body);
    this.#note('alertmanager', result);
    // Sooner than after a minute.
    if (result.outcome === 'failed') this.#toldAlertmanagerAt = clock.now() - REPEAT_TO_ALERTMANAGER_MS + AGAIN_MS;
  }

  #note(receiver: string, result: SinkResult): void {
    this.#notifications.of(receiver, result.outcome).add();
    if (result.outcome === 'delivered') return;
    const { log } = this.#dependencies;
    const what = result.outcome === 'failed' ? 'it is tried again' : 'it is dropped, since trying again would not help';
    log.warn({ receiver, reason: result.why }, `a message of alerts was not delivered: ${what}`);
  }

  #save(): void {
    const { path, clock, log } = this.#dependencies;
    this.#savedAt = clock.now();
    try {
      saveAlerts(path, { state: this.#state, silences: this.#silences, outbox: this.#outbox });
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'the alerts could not be saved');
    }
  }
}

const namesOf = ({ tracked }: AlertState): string =>
  tracked.map((one) => `${one.fingerprint} ${one.told} ${one.endsAtMs ?? ''} ${hasLasted(one)}`).join('\n');
