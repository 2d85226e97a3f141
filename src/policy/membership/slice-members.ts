import type { FoundBackend } from './discovered.ts';

/** One address and port of an EndpointSlice, with its conditions. */
export interface SliceEndpoint {
  readonly address: string;
  readonly port: number;
  /** It takes new requests. */
  readonly isReady: boolean;
  /** It answers, perhaps while it terminates. */
  readonly isServing: boolean;
  readonly isTerminating: boolean;
}

/** A part of the endpoints of one Kubernetes Service. */
export interface Slice {
  readonly name: string;
  /** Grows with each change of the slice; undefined if it cannot be compared. */
  readonly version: number | undefined;
  readonly family: 'IPv4' | 'IPv6';
  readonly endpoints: readonly SliceEndpoint[];
}

/** Most of the backends leave together only when they are missing in this many full lists in a row. */
const FULL_LISTS = 3;

/**
 * The backends of a Kubernetes Service, out of its EndpointSlices.
 *
 * A terminating endpoint leaves at once, because Kubernetes has decided it. An endpoint that is only absent or unready leaves
 * at once, too, unless more than half of the backends would. Such a loss is most often a fault of the cluster, so the known ones
 * stay, and health checks decide, until three full lists in a row lack them. A list without a serving endpoint never changes
 * anything.
 */
export class SliceMembers {
  readonly #slices = new Map<string, Slice>();
  #members: ReadonlyMap<string, FoundBackend>;
  #listsThatLackMost = 0;

  constructor(saved: readonly FoundBackend[]) {
    this.#members = new Map(saved.map((one) => [keyOf(one), one]));
  }

  get found(): FoundBackend[] {
    return [...this.#members.values()];
  }

  /** Whether backends are kept that the slices lack. */
  get isKeeping(): boolean {
    return this.#listsThatLackMost > 0;
  }

  /** A full list replaces whatever was known of the slices. Returns whether a backend serves in it. */
  listed(slices: readonly Slice[]): boolean {
    this.#slices.clear();
    for (const slice of slices) this.#slices.set(slice.name, slice);
    return this.#apply(true);
  }

  /** A slice is new, or has changed; an event that is older than the known slice is ignored. */
  changed(slice: Slice): void {
    const known = this.#slices.get(slice.name)?.version;
    if (known !== undefined && slice.version !== undefined && slice.version < known) return;
    this.#slices.set(slice.name, slice);
    this.#apply(false);
  }

  removed(name: string): void {
    if (this.#slices.delete(name)) this.#apply(false);
  }

  #apply(isFullList: boolean): boolean {
    const endpoints = this.#endpoints();
    const wanted = wantedOf(endpoints);
    if (wanted.size === 0) return false;
    const lost = [...this.#members].filter(([key]) => !wanted.has(key) && endpoints.get(key)?.isTerminating !== true);
    if (lost.length * 2 <= this.#members.size) this.#listsThatLackMost = 0;
    else if (isFullList) this.#listsThatLackMost++;
    else this.#listsThatLackMost = Math.max(1, this.#listsThatLackMost);
    const isKept = this.#listsThatLackMost > 0 && this.#listsThatLackMost < FULL_LISTS;
    if (!isKept) this.#listsThatLackMost = 0;
    this.#members = isKept ? new Map([...lost, ...wanted]) : wanted;
    return true;
  }

  /** The endpoints of one address family, because a Service with two has each pod in both. The usable one of two equal endpoints counts. */
  #endpoints(): Map<string, SliceEndpoint> {
    const slices = [...this.#slices.values()];
    const family = slices.some((one) => one.family === 'IPv4' && one.endpoints.length > 0) ? 'IPv4' : 'IPv6';
    const endpoints = new Map<string, SliceEndpoint>();
    for (const endpoint of slices.flatMap((one) => (one.family === family ? one.endpoints : []))) {
      const known = endpoints.get(keyOf(endpoint));
      if (known === undefined || (!isUsable(known) && isUsable(endpoint))) endpoints.set(keyOf(endpoint), endpoint);
    }
    return endpoints;
  }
}

const isUsable = ({ isReady, isTerminating }: SliceEndpoint): boolean => isReady && !isTerminating;

/** The ready endpoints; if there is none, those that still serve. */
function wantedOf(endpoints: ReadonlyMap<string, SliceEndpoint>): Map<string, FoundBackend> {
  const all = [...endpoints];
  const ready = all.filter(([, endpoint]) => isUsable(endpoint));
  const chosen = ready.length > 0 ? ready : all.filter(([, endpoint]) => endpoint.isServing);
  return new Map(chosen.map(([key, { address, port }]) => [key, { address, port, priority: 0 }]));
}

const keyOf = ({ address, port }: { readonly address: string; readonly port: number }): string => `${address} ${port}`;
