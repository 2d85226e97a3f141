import { quantile } from '../../src/lab/statistics/quantile.ts';
import type { BatchCall } from './batch-clients.ts';
import type { Interval } from './checkers/cap.ts';
import { checkJobs } from './checkers/jobs.ts';
import { checkPurges, type GenerationReply, type Purge } from './checkers/purges.ts';
import type { PurgeCall } from './page-clients.ts';
import type { SharedHistory } from './shared-load.ts';

/** What became of purges and batches in one stretch of a run. */
export interface SharedRow {
  /** Purges that were asked for in it, and how many of these all hosts have carried out. */
  readonly purges: number;
  readonly purgedByAll: number;
  /** Replies that were asked for in it and were older than an acknowledged purge. */
  readonly older: number;
  /** Batches that were accepted in it, and how many of these were completed. */
  readonly batches: number;
  readonly completed: number;
  /** Their items without a result or with two. */
  readonly wrongItems: number;
}

/** What a run says about purges and batches. */
export interface SharedFindings {
  readonly older: readonly GenerationReply[];
  /** The same after purges that some host has not confirmed: the longest time after which an older reply still came. */
  readonly latestUnconfirmedMs: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** Items with a result that nobody handed over, or that has no barcode. */
  readonly strange: readonly string[];
  /** Items whose result is a failure, although each of them is sound. */
  readonly failed: readonly string[];
  /** Answers that knew nothing of an accepted batch. */
  readonly unknown: number;
}

const CONFIRMED = 200;
const UNCONFIRMED = 202;

export function sharedFindings({ purges, pageReplies, batches, records }: SharedHistory): SharedFindings {
  const [accepted, others] = [batches.filter(isAccepted), batches.filter((batch) => !isAccepted(batch))];
  const sent = { acknowledged: accepted.flatMap(itemsOf), unanswered: others.flatMap(itemsOf), attempts: records };
  // A batch that was accepted twice under one key has one result for each item at its client, and two barcodes.
  const shown = checkJobs({ ...sent, results: batches.flatMap(({ results }) => results) });
  const made = checkJobs({ ...sent, results: records });
  const failed = batches.flatMap((batch) => batch.failed);
  const mayLack = new Set(failed);
  return {
    older: checkPurges(versionsOf(purges, CONFIRMED), pageReplies, 0).stale,
    latestUnconfirmedMs: checkPurges(versionsOf(purges, UNCONFIRMED), pageReplies, 0).latestMs,
    lost: [...new Set([...shown.lost, ...made.lost.filter((item) => !mayLack.has(item))])],
    doubled: [...new Set([...shown.doubled, ...made.doubled])],
    strange: [...shown.unexpected, ...made.unexpected, ...shown.unworked.filter((item) => !mayLack.has(item))],
    failed,
    unknown: batches.reduce((sum, { unknown }) => sum + unknown, 0),
  };
}

const itemsOf = ({ items }: BatchCall): readonly string[] => items;
const isAccepted = ({ acceptedMs }: BatchCall): boolean => acceptedMs !== undefined;

const versionsOf = (purges: readonly PurgeCall[], wanted: number): Purge[] =>
  purges
    .filter(({ status }) => status === wanted)
    .flatMap(({ versions, endMs }) =>
      Object.entries(versions).map(([group, generation]) => ({ group, generation, acknowledgedMs: endMs })),
    );

/** What belongs to some stretches of time. */
export function sharedRow(history: SharedHistory, windows: readonly Interval[]): SharedRow {
  const isIn = (atMs = Number.NaN): boolean => windows.some(({ startMs, endMs }) => atMs >= startMs && atMs < endMs);
  const found = sharedFindings(history);
  const purges = history.purges.filter(({ startMs }) => isIn(startMs));
  const batches = history.batches.filter(({ acceptedMs }) => isIn(acceptedMs));
  const wrong = new Set([...found.lost, ...found.doubled]);
  return {
    purges: purges.length,
    purgedByAll: purges.filter(({ status }) => status === CONFIRMED).length,
    older: found.older.filter(({ askedMs }) => isIn(askedMs)).length,
    batches: batches.length,
    completed: batches.filter(({ completedMs }) => completedMs !== undefined).length,
    wrongItems: batches.flatMap(itemsOf).filter((item) => wrong.has(item)).length,
  };
}

export const sharedColumns = ['purged at all hosts', 'older replies', 'batches done', 'items lost or double'];

export const sharedCells = ({ purges, purgedByAll, older, batches, completed, wrongItems }: SharedRow): string[] => [
  `${purgedByAll} of ${purges}`,
  String(older),
  `${completed} of ${batches}`,
  String(wrongItems),
];

/** The whole run in sentences. */
export function sharedLines(history: SharedHistory): string {
  const found = sharedFindings(history);
  return `${purgesLine(history, found)}\n\n${batchesLine(history, found)}`;
}

function purgesLine({ purges, pageReplies }: SharedHistory, found: SharedFindings): string {
  const confirmed = purges.filter(({ status }) => status === CONFIRMED);
  const unconfirmed = purges.filter(({ status }) => status === UNCONFIRMED).length;
  const took = confirmed.map(({ startMs, endMs }) => endMs - startMs);
  const from = (wanted: string): number => pageReplies.filter(({ source }) => source === wanted).length;
  return (
    `Purges: ${confirmed.length} of ${purges.length} were carried out by all hosts within ${ms(took, 0.5)} (p50), ${ms(took, 0.99)} (p99); ` +
    `${unconfirmed} were answered before that. Of ${pageReplies.length} replies, ${from('l1')} came from memories of workers and ${from('l2')} from the shared cache: ` +
    `${found.older.length} were older than a purge that all hosts had carried out. After other purges an older one came for ${seconds(found.latestUnconfirmedMs)} at most.`
  );
}

function batchesLine({ batches }: SharedHistory, found: SharedFindings): string {
  const accepted = batches.filter(isAccepted);
  const took = accepted.flatMap(({ acceptedMs = 0, completedMs }) =>
    completedMs === undefined ? [] : [completedMs - acceptedMs],
  );
  const requests = batches.reduce((sum, batch) => sum + batch.requests, 0);
  const items = accepted.flatMap(itemsOf).length;
  return (
    `Batches: ${accepted.length} were accepted, by ${requests} requests, and ${took.length} completed within ${ms(took, 0.5)} (p50), ${ms(took, 1)} (slowest). ` +
    `Of ${items} items, ${found.lost.length} have no result, ${found.doubled.length} have two, ${found.failed.length} failed.`
  );
}

const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`;
const ms = (values: readonly number[], q: number): string =>
  values.length === 0 ? '–' : `${Math.round(quantile(values, q))} ms`;

/** How long after a purge that some host has not confirmed an older reply may come: a host that hears no news trusts its stored replies for 5 s. */
const UNCONFIRMED_LIMIT_MS = 6000;

/** The promises about purges and batches that a run broke, a sentence each. */
export function brokenShared(history: SharedHistory): string[] {
  const { older, latestUnconfirmedMs, lost, doubled, strange, failed, unknown } = sharedFindings(history);
  const [accepted, refused] = [history.batches.filter(isAccepted), history.batches.filter((one) => !isAccepted(one))];
  const items = (named: readonly string[], what: string): string | false =>
    named.length > 0 && `${named.length} items of batches ${what}, such as ${named[0]}`;
  const [oldest] = older;
  return [
    oldest !== undefined &&
      `${older.length} replies are older than a purge that all hosts had carried out, such as that of ${oldest.group} at ${oldest.host}`,
    latestUnconfirmedMs > UNCONFIRMED_LIMIT_MS && `an older reply came ${seconds(latestUnconfirmedMs)} after a purge`,
    items(lost, 'have no result'),
    items(doubled, 'have two results'),
    items(strange, 'have a result that nobody asked for, or no barcode'),
    items(failed, 'failed, although they are sound'),
    unknown > 0 && `${unknown} times a host did not know a batch that was accepted`,
    accepted.length === 0 && `no batch was accepted; the last answer: ${refused.at(-1)?.refusal ?? 'none'}`,
    !history.purges.some(({ status }) => status === CONFIRMED) &&
      `no purge was carried out by all hosts; the last answer: ${history.purges.at(-1)?.detail ?? 'none'}`,
  ].filter((sentence) => sentence !== false);
}
