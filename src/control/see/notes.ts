import type { Counter, Family, Registry } from '../../metrics/instruments.ts';
import type { BackendConfig } from '../../protocol/backends.ts';
import type { PurgeTarget } from '../../protocol/cache-order.ts';
import type { ChangeRequest, ReloadResult } from '../config/change-request.ts';
import type { BackendHealth } from '../health-checker.ts';
import type { Member } from '../members.ts';
import { processLabel } from './facts.ts';
import type { Observer } from './observer.ts';

const LONGEST_TEXT = 200;

/** Turns what happens on the host into changes that people read. */
export class Notes {
  readonly #observer: Observer;
  readonly #wallNow: () => number;
  readonly #wasUp = new Set<string>();
  readonly #restarts: Family<Counter>;

  constructor(observer: Observer, wallNow: () => number, registry: Registry) {
    this.#restarts = registry.counter('rampart_restarts_total', 'Processes that ended and came again', 'role');
    this.#observer = observer;
    this.#wallNow = wallNow;
  }

  joined(member: Member): void {
    const name = processLabel(member);
    const isAgain = this.#observer.restarts.joined(name, member.pid, this.#wallNow());
    if (isAgain) this.#restarts.of(member.role).add();
    this.#observer.changed('process', `${name} ${isAgain ? 'has started again' : 'is connected'} (pid ${member.pid})`);
  }

  left(member: Member): void {
    this.#observer.changed('process', `${processLabel(member)} is gone (pid ${member.pid})`);
  }

  /** A backend that comes up for the first time is no change of its own: it has joined. */
  health(changed: readonly BackendHealth[]): void {
    for (const { upstream, backend, up, problem } of changed) {
      const name = `${upstream}/${backend}`;
      if (up === false)
        this.#observer.changed('backend', `${name} is down${problem === undefined ? '' : `: ${problem}`}`);
      else if (up === true && this.#wasUp.has(name)) this.#observer.changed('backend', `${name} is up again`);
      if (up === true) this.#wasUp.add(name);
    }
  }

  membership(upstream: string, backends: readonly BackendConfig[]): void {
    const { length: count } = backends;
    this.#observer.changed('backend', `upstream ${upstream} has ${count} backend${count === 1 ? '' : 's'}`);
  }

  configuration({ who, dryRun }: ChangeRequest, { outcome, number, changes, problems }: ReloadResult): void {
    if (dryRun === true || outcome === 'unchanged') return;
    const what = outcome === 'refused' ? `refused: ${problems[0] ?? ''}` : changes.map(({ text }) => text).join('; ');
    const text = outcome === 'refused' ? `configuration ${what}` : `configuration ${number}: ${what}`;
    this.#observer.changed('configuration', text.slice(0, LONGEST_TEXT), who);
  }

  /** A person has changed a cap, or keeps requests from a backend. */
  order(text: string, who: string | undefined): void {
    this.#observer.changed('cap', text, who);
  }

  purge(target: PurgeTarget): void {
    this.#observer.changed('cache', `cache purged: ${JSON.stringify(target)}`.slice(0, LONGEST_TEXT));
  }
}
