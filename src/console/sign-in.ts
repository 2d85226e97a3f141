import { callApi } from './api.ts';
import { h, setText } from './dom.ts';

export interface SessionView {
  /** Null if a token is needed first. */
  readonly role: 'admin' | 'reader' | null;
  readonly sign_in_needed: boolean;
}

/** Who this browser is; undefined if control does not answer. */
export async function readSession(): Promise<SessionView | undefined> {
  const { value, problem } = await callApi({ method: 'GET', path: 'api/session' });
  return problem === undefined ? (value as SessionView) : undefined;
}

export const signOut = async (): Promise<void> => void (await callApi({ method: 'DELETE', path: 'api/session' }));

/** The form that asks for a token; resolves with the session. */
export function signInForm(page: HTMLElement): Promise<SessionView> {
  const { promise, resolve } = Promise.withResolvers<SessionView>();
  // Browsers offer to keep a password only beside a name.
  const token = h('input', {
    id: 'token',
    type: 'password',
    autocomplete: 'current-password',
    required: true,
    spellcheck: 'false',
  });
  const problem = h('p', { class: 'problem', role: 'alert' });
  const button = h('button', { type: 'submit', class: 'main' }, 'Sign in');
  const form = h(
    'form',
    { class: 'sign-in' },
    h('p', { class: 'brand' }, 'Rampart'),
    h('h1', {}, 'Sign in'),
    h('p', {}, 'With ADMIN_TOKEN you can change things, with ADMIN_READ_TOKEN you can look.'),
    h('input', { type: 'text', autocomplete: 'username', value: 'rampart', hidden: true, 'aria-label': 'Name' }),
    h('label', { for: 'token' }, 'Token'),
    token,
    problem,
    button,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    button.disabled = true;
    void callApi({ method: 'POST', path: 'api/session', body: { token: token.value } }).then((reply) => {
      button.disabled = false;
      if (reply.problem === undefined) return resolve(reply.value as SessionView);
      setText(
        problem,
        reply.status === 401 ? 'This is not one of the two tokens.' : `Not signed in: ${reply.problem}.`,
      );
      token.select();
      return undefined;
    });
  });
  page.replaceChildren(h('main', {}, form));
  token.focus();
  return promise;
}
