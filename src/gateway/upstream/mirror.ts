import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Counter, Family } from '../../metrics/instruments.ts';
import { MirrorCaller } from './mirror-caller.ts';
import type { Service } from './layer.ts';
import type { ReplySink } from './reply-sink.ts';
import type { Upstream } from './upstream.ts';
import { UpstreamCall, type UpstreamRequest } from './upstream-call.ts';

export interface MirrorOptions {
  readonly upstream: Upstream;
  /** The share of the requests that are copied, from 0 to 1. */
  readonly share: number;
  readonly routeClass: number;
  readonly stack: Service;
  readonly clock: Clock;
  readonly random: Random;
  readonly bugs: Bugs;
  /** By result: `sent`, `dropped` (no permit was free), `skipped` (a body that is not in memory), `failed`. */
  readonly count: Pick<Family<Counter>, 'of'>;
  readonly endpoint: string;
}

/**
 * Copies requests to another upstream and drops the replies. A copy takes only a permit that is free at once, so it never
 * waits; and no request waits for it.
 */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #counters: Readonly<Record<MirrorResult, Counter>>;

  constructor(options: MirrorOptions) {
    this.#options = options;
    const { count, endpoint, upstream } = options;
    const of = (result: MirrorResult): Counter => count.of(endpoint, upstream.name, result);
    this.#counters = { sent: of('sent'), dropped: of('dropped'), skipped: of('skipped'), failed: of('failed') };
  }

  /** Sends a copy of a request, unless chance leaves this one out. */
  copy(request: UpstreamRequest, requestId: string): void {
    const { share, random } = this.#options;
    if (share < 1 && random() >= share) return;
    const body = bodyInMemory(request);
    if (body === undefined) this.#counters.skipped.value++;
    else void this.#send(request, body, requestId);
  }

  async #send(request: UpstreamRequest, body: Buffer | string | null, requestId: string): Promise<void> {
    const { upstream, routeClass, stack, clock, bugs } = this.#options;
    try {
      const headers = [...request.headers, MIRRORED, '1'];
      // An event stream that nobody reads is bounded in its silence, as work is.
      const copied = {
        ...request,
        upstream,
        routeClass,
        body,
        headers,
        retry: false,
        hedge: false,
        streamsAreWork: true,
      } as const;
      const call = new UpstreamCall(new MirrorCaller(requestId, clock.now()), copied, nowhere);
      call.isSpare = true;
      const answer = await stack(call);
      if (answer.kind === 'replied') await answer.passTo(nowhere);
      this.#counters[results[answer.kind]].value++;
    } catch (error) {
      bugs.report('mirror', error, { requestId });
    }
  }
}

type MirrorResult = 'sent' | 'dropped' | 'skipped' | 'failed';

const results = { replied: 'sent', refused: 'dropped', failed: 'failed' } as const;

/** Tells a backend that nobody reads its reply. */
const MIRRORED = 'x-rampart-mirrored';

const nowhere: ReplySink = { head() {}, data: () => true, end() {} };

/** The body, if it is in memory; undefined for one that is on disk or still arrives. */
function bodyInMemory({ body }: UpstreamRequest): Buffer | string | null | undefined {
  if (typeof body !== 'function') return body;
  const opened = body();
  if (Buffer.isBuffer(opened)) return opened;
  opened.destroy();
  return undefined;
}
