import { PLACE_WAIT_MS, type PlaceAsk, type PlaceNews, SCARCE_MS } from '../../protocol/places.ts';

/** News for one worker. */
export interface AddressedNews<Member> {
  readonly member: Member;
  readonly news: PlaceNews;
}

interface Holder {
  places: number;
  /** When it was last told that places are scarce. */
  toldAt: number;
}

interface Client<Member> {
  max: number;
  /** Places of all holders. */
  taken: number;
  readonly holders: Map<Member, Holder>;
  /** Workers with waiting requests, the first one first. */
  readonly waiting: Map<Member, { wanted: number; readonly until: number }>;
}

/** A worker that does not return unused places in this time is told again. */
const TELL_AGAIN_MS = SCARCE_MS / 2;

/**
 * Control's half of the limits of requests in flight: the places of each client, of which workers hold some.
 *
 * The invariant: places are given only while fewer than `max` are taken. Workers may keep unused places for the next
 * request of the client; when a request waits elsewhere, they are told to give them back.
 */
export class PlaceAuthority<Member> {
  readonly #clients = new Map<string, Client<Member>>();

  /** Clients with requests in flight, or with places that a worker has not given back yet. */
  get size(): number {
    return this.#clients.size;
  }

  /** Takes a worker's report; the news answer it, and go to other workers, too. */
  said(member: Member, ask: PlaceAsk, now: number): AddressedNews<Member>[] {
    const { subject, max, wanted, held, returned } = ask;
    const client = this.#client(subject, max);
    // Only who asks knows the limit in force: a worker that returns a place can have forgotten it.
    if (wanted > 0) client.max = max;
    change(client, member, held - returned);
    if (wanted > 0) {
      const until = now + PLACE_WAIT_MS;
      client.waiting.set(member, { wanted: Math.min(wanted, max), until });
    } else client.waiting.delete(member);
    return this.#serve(subject, client, { now, asker: wanted > 0 ? member : undefined });
  }

  /** A worker has gone, with its requests. */
  left(member: Member, now: number): AddressedNews<Member>[] {
    const news: AddressedNews<Member>[] = [];
    for (const [subject, client] of this.#clients) {
      const places = client.holders.get(member)?.places ?? 0;
      if (!client.waiting.delete(member) && places === 0) continue;
      change(client, member, -places);
      news.push(...this.#serve(subject, client, { now, asker: undefined }));
    }
    return news;
  }

  #client(subject: string, max: number): Client<Member> {
    const known = this.#clients.get(subject);
    if (known !== undefined) return known;
    const client: Client<Member> = { max, taken: 0, holders: new Map(), waiting: new Map() };
    this.#clients.set(subject, client);
    return client;
  }

  /** `asker`: the worker that gets an answer in any case. */
  #serve(
    subject: string,
    client: Client<Member>,
    { now, asker }: { now: number; asker: Member | undefined },
  ): AddressedNews<Member>[] {
    const given = new Map<Member, number>(asker === undefined ? [] : [[asker, 0]]);
    for (const [member, waiter] of client.waiting) {
      const places = waiter.until <= now ? 0 : Math.min(waiter.wanted, Math.max(0, client.max - client.taken));
      change(client, member, places);
      if (places > 0) given.set(member, places);
      waiter.wanted -= places;
      if (waiter.wanted === 0 || waiter.until <= now) client.waiting.delete(member);
    }
    const isScarce = client.waiting.size > 0;
    if (isScarce)
      for (const [member, { toldAt }] of client.holders)
        if (!given.has(member) && now - toldAt >= TELL_AGAIN_MS) given.set(member, 0);
    if (client.holders.size === 0 && !isScarce) this.#clients.delete(subject);
    return [...given].map(([member, places]) => {
      const holder = client.holders.get(member);
      if (isScarce && holder !== undefined) holder.toldAt = now;
      return { member, news: { subject, given: places, isScarce } };
    });
  }
}

function change<Member>(client: Client<Member>, member: Member, by: number): void {
  if (by === 0) return;
  const before = client.holders.get(member);
  const places = Math.max(0, (before?.places ?? 0) + by);
  client.taken += places - (before?.places ?? 0);
  if (places === 0) client.holders.delete(member);
  else if (before === undefined) client.holders.set(member, { places, toldAt: Number.NEGATIVE_INFINITY });
  else before.places = places;
}
