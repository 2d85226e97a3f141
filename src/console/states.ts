import type { HostVerdictState } from '../protocol/live-view.ts';

/** A state as a shape and a word, so that its colour only repeats what they say. */
export interface StateLook {
  readonly shape: string;
  readonly word: string;
}

export const stateLooks: Readonly<Record<HostVerdictState, StateLook>> = {
  well: { shape: '●', word: 'Well' },
  degraded: { shape: '▲', word: 'Degraded' },
  overloaded: { shape: '■', word: 'Overloaded' },
  down: { shape: '✖', word: 'Down' },
  'no-news': { shape: '◌', word: 'No news' },
};
