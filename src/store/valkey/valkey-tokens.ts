import { hash } from 'node:crypto';
import type { FleetAsk, FleetGrant } from '../../policy/rate/fleet-bank.ts';
import type { FunctionCall, ValkeyClient } from './valkey-client.ts';
import { tokenFunctions } from './token-functions.ts';
import { ValkeyUnavailable } from './valkey-unavailable.ts';

export interface FleetAnswers {
  /** In the order of the asks, an error in place of one that was refused. */
  readonly answers: readonly (FleetGrant | ValkeyUnavailable)[];
  /** How many hosts there are; undefined if every ask was refused. */
  readonly hosts: number | undefined;
}

/** The buckets of the fleet, as control asks for them. */
export interface FleetTokenStore {
  /** Names the server of the present connection; undefined while there is none. */
  readonly runId: string | undefined;
  /** Why there is no connection. */
  readonly problem: string | undefined;
  /** Rejects if there are no answers. */
  ask(asks: readonly FleetAsk[]): Promise<FleetAnswers>;
  /** Says that this host is there; returns how many hosts are. */
  announce(hostId: string): Promise<number>;
  leave(hostId: string): Promise<void>;
}

const STATE_KEY = 'rampart:tokens:1';
const HOSTS_KEY = 'rampart:tokens:1:hosts';

/** The buckets of the fleet in Valkey. */
export class ValkeyTokens implements FleetTokenStore {
  readonly #client: ValkeyClient;

  /** The client has the library `tokenFunctions`. */
  constructor(client: ValkeyClient) {
    this.#client = client;
  }

  get runId(): string | undefined {
    return this.#client.runId;
  }

  get problem(): string | undefined {
    return this.#client.status().problem;
  }

  async ask(asks: readonly FleetAsk[]): Promise<FleetAnswers> {
    const runId = this.#connectedRunId();
    const answers = await this.#client.callMany(asks.map((ask) => callOf(ask, runId)));
    const hosts = answers
      .map((answer) => (Array.isArray(answer) ? Number(answer[6]) : undefined))
      .findLast(Number.isInteger);
    return { answers: asks.map(({ subject }, index) => grantOf(subject, answers[index])), hosts };
  }

  async announce(hostId: string): Promise<number> {
    const runId = this.#connectedRunId();
    return Number(await this.#client.call(tokenFunctions.named('host'), [HOSTS_KEY, STATE_KEY], [hostId, runId]));
  }

  async leave(hostId: string): Promise<void> {
    await this.#client.call(tokenFunctions.named('leave'), [HOSTS_KEY], [hostId]);
  }

  #connectedRunId(): string {
    const { runId, problem } = this;
    if (runId === undefined) throw new ValkeyUnavailable('not-connected', problem ?? 'it is not connected yet');
    return runId;
  }
}

/** A hash, because a subject can hold an address, or a cookie that lets its owner in. */
const keyOf = (subject: string): string => `${STATE_KEY}:${hash('sha256', subject, 'base64url').slice(0, 32)}`;

function callOf({ subject, limit, wanted, spent, returned, chain, demand }: FleetAsk, runId: string): FunctionCall {
  const { requestsPerSecond, burst } = limit;
  return {
    name: tokenFunctions.named('ask'),
    keys: [keyOf(subject), STATE_KEY, HOSTS_KEY],
    args: [runId, requestsPerSecond, burst, wanted, spent, returned, chain, demand],
  };
}

function grantOf(subject: string, answer: unknown): FleetGrant | ValkeyUnavailable {
  if (answer instanceof ValkeyUnavailable) return answer;
  const [tokens, remaining, retryAfterMs, chain, demand] = Array.isArray(answer) ? answer.map(Number) : [];
  if (demand === undefined || Number.isNaN(demand))
    return new ValkeyUnavailable('refused', 'it gave no tokens that can be read');
  return {
    subject,
    tokens: tokens ?? 0,
    remaining: remaining ?? 0,
    retryAfterMs: retryAfterMs ?? 0,
    chain: chain ?? 0,
    demand,
  };
}
