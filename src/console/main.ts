import { openClock } from '../core/clock.ts';
import { ConsolePage } from './console-page.ts';
import { readSession, type SessionView, signInForm } from './sign-in.ts';

const clock = openClock();
const page = document.querySelector<HTMLElement>('#page') ?? document.body;
/** Control may be about to start, or be restarted. */
const ASK_AGAIN_MS = 1000;

async function sessionOf(): Promise<SessionView> {
  for (;;) {
    const session = await readSession();
    if (session !== undefined) return session;
    await new Promise<void>((resolve) => clock.setTimeout(resolve, ASK_AGAIN_MS));
  }
}

/** Shows the page until the session ends, then asks for a token, and so on. */
async function showPages(): Promise<void> {
  for (;;) {
    const known = await sessionOf();
    const session = known.role === null ? await signInForm(page) : known;
    await new ConsolePage(clock, page, session).ended;
  }
}

void showPages();
