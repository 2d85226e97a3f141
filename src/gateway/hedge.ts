import type { Timer } from '../core/clock.ts';
import type { ReplyHeaders, Sink } from './attempt.ts';
import type { Underway } from './exchange.ts';
import type { Caller, UpstreamCall } from './forward.ts';
import { Try, type TryEnd, type TryInputs } from './try.ts';

/**
 * An attempt that asks a second backend when the first takes longer than 95 of 100 do. The first head of a reply wins,
 * and the other attempt is given up. Only where a permit is free at once, and within the retry budget.
 */
export class HedgedTry implements Underway {
  readonly #x: Caller;
  readonly #call: UpstreamCall;
  readonly #inputs: TryInputs;
  readonly #tries: Try[] = [];
  #winner: Try | undefined;
  #timer: Timer | undefined;
  #isGivenUp = false;
  #delayMs = 0;

  constructor(x: Caller, call: UpstreamCall, inputs: TryInputs) {
    this.#x = x;
    this.#call = call;
    this.#inputs = inputs;
  }

  async run(sink: Sink): Promise<TryEnd> {
    const { clock } = this.#inputs;
    const second = Promise.withResolvers<TryEnd | undefined>();
    const afterMs = this.#call.upstream.hedgeAfterMs(this.#call.routeClass);
    const arm = (waitMs: number): void => {
      this.#timer = clock.setTimeLimit(() => {
        const started = this.#startSecond(sink);
        // Without a free permit it is looked at again: the first may hang for ever.
        if (started === undefined) arm(waitMs);
        else second.resolve(started);
      }, waitMs);
    };
    if (afterMs !== undefined) arm(Math.max(1, afterMs));
    const first = await this.#start({ ...this.#inputs, isHedged: () => this.#tries.length > 1 }, sink);
    this.#timer?.cancel();
    second.resolve(undefined);
    // A first that failed or lost is only half of the answer while there is a second.
    const hedged = this.#winner === this.#tries[0] ? undefined : await second.promise;
    if (hedged === undefined) return first;
    if (hedged.ok || this.#winner !== undefined || first.ok) return hedged;
    return { ...first, retrying: this.#tries[0]?.retries(first) ?? false };
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.#timer?.cancel();
    for (const trying of this.#tries) trying.giveUp();
  }

  /** Whether this attempt's reply is the one that goes on: the first to ask is. */
  wins(trying: Try): boolean {
    this.#winner ??= trying;
    if (this.#winner !== trying) return false;
    this.#timer?.cancel();
    for (const other of this.#tries) if (other !== trying) other.outpace();
    // The client has waited for the first all the while.
    if (trying !== this.#tries[0]) this.#x.execMs += this.#delayMs;
    return true;
  }

  /** Whether a 1xx reply of this attempt goes on: that of the winner, or of the first while there is none. */
  mayInform(trying: Try): boolean {
    return trying === (this.#winner ?? this.#tries[0]);
  }

  #start(inputs: TryInputs, sink: Sink): Promise<TryEnd> {
    const trying = new Try(this.#x, this.#call, inputs);
    this.#tries.push(trying);
    return trying.run(new Gate(this, trying, sink));
  }

  #startSecond(sink: Sink): Promise<TryEnd> | undefined {
    const { upstream, routeClass } = this.#call;
    const { permit: first, deadline, clock, sent, unsent } = this.#inputs;
    if (this.#winner !== undefined || this.#isGivenUp) return undefined;
    const permit = upstream.acquireSpare(routeClass, first.backend);
    if (permit === undefined) return undefined;
    if (!upstream.mayTryAgain('hedge')) {
      permit.release('aborted');
      return undefined;
    }
    this.#delayMs = permit.startedAt - first.startedAt;
    return this.#start({ clock, permit, deadline, sent: sent + 1, unsent, isSecond: true }, sink);
  }
}

/** Lets through the reply of the attempt that wins. */
class Gate implements Sink {
  readonly #race: HedgedTry;
  readonly #trying: Try;
  readonly #sink: Sink;
  #isOpen = false;

  constructor(race: HedgedTry, trying: Try, sink: Sink) {
    this.#race = race;
    this.#trying = trying;
    this.#sink = sink;
  }

  informational(status: number, headers: ReplyHeaders): void {
    if (this.#race.mayInform(this.#trying)) this.#sink.informational?.(status, headers);
  }

  head(status: number, headers: ReplyHeaders): void {
    this.#isOpen = this.#race.wins(this.#trying);
    if (this.#isOpen) this.#sink.head(status, headers);
  }

  data(chunk: Buffer, resume: () => void): boolean {
    return !this.#isOpen || this.#sink.data(chunk, resume);
  }

  end(): void {
    if (this.#isOpen) this.#sink.end();
  }
}
