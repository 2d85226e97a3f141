import type { Action } from './actions.ts';
import type { BackendRow } from './parts.ts';

const LARGEST_CAP = 100_000;
const EJECT_SECONDS = 60;

/** What can be done with one backend. */
export function backendActions({ upstream, name, cap, isDrained, isEjected }: BackendRow): Action[] {
  const path = (verb: string): string =>
    `api/backends/${encodeURIComponent(upstream)}/${encodeURIComponent(name)}/${verb}`;
  const drain: Action = {
    label: 'Drain',
    effect: 'It gets no new request. Those that it works on end normally.',
    call: () => ({ method: 'POST', path: path('drain'), body: {} }),
    done: () => `${name} is being drained.`,
  };
  const undrain: Action = {
    label: 'Undrain',
    effect: 'It gets requests again.',
    call: () => ({ method: 'POST', path: path('undrain'), body: {} }),
    done: () => `${name} gets requests again.`,
  };
  const eject: Action = {
    label: 'Eject',
    effect: 'It gets no new request for a while, and comes back by itself.',
    number: { label: 'Seconds', value: EJECT_SECONDS, least: 1, most: 3600 },
    call: ({ number }) => ({ method: 'POST', path: path('eject'), body: { seconds: number } }),
    done: () => `${name} is ejected.`,
  };
  const isOut = isDrained || isEjected;
  return [isOut ? undrain : drain, ...(isOut ? [] : [eject]), capAction(upstream, name, cap)];
}

export const capAction = (upstream: string, backend: string | undefined, cap: number): Action => ({
  label: 'Change cap',
  effect: 'The most requests in flight, over all workers, until control starts again or the configured cap changes.',
  number: { label: 'Cap', value: cap, least: 0, most: LARGEST_CAP },
  call: ({ number }) => ({
    method: 'POST',
    path: 'api/cap',
    body: { upstream, ...(backend !== undefined && { backend }), cap: number },
  }),
  done: () => `The cap of ${backend ?? upstream} is changed.`,
});

export const purgeAction = (endpoint: string): Action => ({
  label: 'Purge cache',
  effect: 'Every worker forgets the replies of this route that it has stored.',
  call: () => ({ method: 'POST', path: 'api/cache/purge', body: { endpoint } }),
  done: (value) => {
    const entries = typeof value === 'object' && value !== null ? Reflect.get(value, 'entries') : undefined;
    return `${typeof entries === 'number' ? entries : 0} stored replies of ${endpoint} are gone.`;
  },
});
