import { fileURLToPath } from 'node:url';
import type { Interval } from '../checkers/cap.ts';
import { machineNowMs } from '../../../src/core/machine-time.ts';
import type { Place } from '../network.ts';
import { Member } from './member.ts';
import type { Kept } from './recording-backend.ts';

const program = fileURLToPath(new URL('recording-backend.ts', import.meta.url));
const PORT = 9000;
const RECORDS_PORT = 9001;

/** A request at the backend, and the address that sent it. */
export interface ServedRequest extends Interval {
  readonly from: string;
}

/** A backend in a namespace of its own that records every request. */
export class BackendHost {
  readonly place: Place;
  readonly member: Member;

  constructor(place: Place, serviceMs: number) {
    this.place = place;
    const args = [program, place.address, PORT, RECORDS_PORT, serviceMs].map(String);
    this.member = new Member(place, process.execPath, args);
  }

  get url(): string {
    return `http://${this.place.address}:${PORT}`;
  }

  up(): Promise<void> {
    return this.member.said('The backend is up');
  }

  /** Makes new versions of pages; resolves with them. */
  async change(pages: readonly string[]): Promise<Record<string, number>> {
    const query = pages.map((page) => `page=${page}`).join('&');
    const reply = await fetch(`${this.#recordsUrl}/change?${query}`, { method: 'POST' });
    return (await reply.json()) as Record<string, number>;
  }

  /** What it has served and serves; a request in flight ends now. */
  async requests(): Promise<ServedRequest[]> {
    const reply = await fetch(`${this.#recordsUrl}/records`);
    const { clients, requests } = (await reply.json()) as Kept;
    const now = machineNowMs();
    return requests.map(([startMs, endMs, client]) => ({ startMs, endMs: endMs ?? now, from: clients[client] ?? '' }));
  }

  get #recordsUrl(): string {
    return `http://${this.place.address}:${RECORDS_PORT}`;
  }
}
