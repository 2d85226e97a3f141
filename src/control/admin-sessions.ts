import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';

/** What the holder of a token may do: change everything, or only read. */
export type AdminRole = 'admin' | 'reader';

/** A working day; after that the token is asked for again. */
const LIFETIME_MS = 12 * 3_600_000;
/** More than the browsers of the people who look after one host. The oldest session ends for a further one. */
const MOST_SESSIONS = 100;

interface AdminSession {
  readonly role: AdminRole;
  readonly endsAt: number;
}

/** The sessions of browsers, in the memory of control: a new control asks for the token again. */
export class AdminSessions {
  static readonly lifetimeMs = LIFETIME_MS;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #sessions = new Map<string, AdminSession>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The secret of a new session. */
  open(role: AdminRole): string {
    const now = this.#clock.now();
    for (const [secret, { endsAt }] of this.#sessions) if (endsAt <= now) this.#sessions.delete(secret);
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined && this.#sessions.size >= MOST_SESSIONS) this.#sessions.delete(oldest);
    const secret = randomBytes(32).toString('base64url');
    this.#sessions.set(secret, { role, endsAt: now + LIFETIME_MS });
    return secret;
  }

  roleOf(secret: string): AdminRole | undefined {
    const session = this.#sessions.get(secret);
    return session === undefined || session.endsAt <= this.#clock.now() ? undefined : session.role;
  }

  end(secret: string): void {
    this.#sessions.delete(secret);
  }
}
