import type { Dispatcher } from 'undici';
import type { ReplyCheck } from '../../policy/slo/slo.ts';
import type { OutcomeName } from './outcome.ts';
import { CheckedBody, outcomeOfReply, readsBody } from './reply-check.ts';

/** Reads one reply as undici hands it over, and finds its outcome. An object, since closures for each would cost the sender. */
export abstract class ReplyReader implements Dispatcher.DispatchHandler {
  status = 0;
  readonly #check: ReplyCheck | undefined;
  readonly #body: CheckedBody | undefined;
  #headers: Readonly<Record<string, unknown>> = {};
  #controller: Dispatcher.DispatchController | undefined;

  constructor(check: ReplyCheck | undefined) {
    this.#check = check;
    if (check !== undefined && readsBody(check)) this.#body = new CheckedBody();
  }

  /** The reply's `Server-Timing`. */
  protected abstract timed(header: string): void;
  protected abstract ended(outcome: OutcomeName): void;

  /** Ends the request, and with it its connection. */
  timeOut(): void {
    this.ended('timeout');
    this.#controller?.abort(new Error('the time for the reply is over'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStart(_controller: unknown, status: number, headers: Readonly<Record<string, unknown>>): void {
    if (status < 200) return;
    this.status = status;
    if (this.#check !== undefined) this.#headers = headers;
    const timing = headers['server-timing'];
    if (typeof timing === 'string') this.timed(timing);
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#body?.add(chunk);
  }

  onResponseEnd(): void {
    const reply = { status: this.status, headers: this.#headers, body: this.#body?.text() ?? '' };
    this.ended(outcomeOfReply(reply, this.#check));
  }

  onResponseError(): void {
    this.ended('connection-error');
  }
}
