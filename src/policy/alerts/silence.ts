import type { Labels } from './alert.ts';

/** As Alertmanager has it, without regular expressions. */
export interface Matcher {
  readonly name: string;
  readonly value: string;
  readonly isEqual: boolean;
}

/** Alerts with these labels are not sent between two moments, in milliseconds since the epoch. */
export interface Silence {
  readonly id: string;
  /** All of them must match. */
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
}

export const isSilenced = (labels: Labels, silences: readonly Silence[], nowMs: number): boolean =>
  silences.some(
    ({ matchers, startsAtMs, endsAtMs }) =>
      startsAtMs <= nowMs && nowMs < endsAtMs && matchers.every((one) => matches(one, labels)),
  );

const matches = ({ name, value, isEqual }: Matcher, labels: Labels): boolean =>
  ((labels[name] ?? '') === value) === isEqual;
