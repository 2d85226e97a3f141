import { type ApiCall, callApi, curlLine } from './api.ts';
import { h, newId, setText } from './dom.ts';

/** Something that a person can order. */
export interface Action {
  /** What the button says. */
  readonly label: string;
  /** What it does, in a sentence or two. */
  readonly effect: string;
  /** A number that is asked for. */
  readonly number?: { readonly label: string; readonly value: number; readonly least: number; readonly most: number };
  /** A text that is asked for. */
  readonly text?: { readonly label: string; readonly value: string };
  readonly call: (asked: { readonly number: number; readonly text: string }) => ApiCall;
  /** What is said when it worked. */
  readonly done: (value: unknown) => string;
  /** A secret of the reply that is shown this once. */
  readonly secretOf?: (value: unknown) => string | undefined;
}

/** A list of actions beside the thing that they act on, and the dialog of the one that was chosen. */
export class ActionMenu {
  readonly element: HTMLElement;
  readonly #menu = h('div', { class: 'action-menu', id: newId(), popover: 'auto' });
  readonly #dialog = h('dialog', { class: 'action', 'aria-labelledby': 'action-title' });
  readonly #said = h('p', { class: 'toast', role: 'status' });
  readonly #needsToken: () => boolean;
  #opener: HTMLElement | undefined;

  constructor(needsToken: () => boolean) {
    this.#needsToken = needsToken;
    this.element = h('div', {}, this.#menu, this.#dialog, this.#said);
    this.#dialog.addEventListener('close', () => this.#opener?.focus());
  }

  open(button: HTMLElement, title: string, actions: readonly Action[]): void {
    this.#opener = button;
    this.#menu.replaceChildren(
      h('p', {}, title),
      ...actions.map((action) =>
        h('button', { type: 'button', click: () => this.ask(button, title, action) }, action.label),
      ),
    );
    this.#menu.showPopover();
    const box = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#menu;
    const { clientWidth, clientHeight } = document.documentElement;
    const below = box.bottom + 4;
    this.#menu.style.left = `${Math.max(8, Math.min(box.right - width, clientWidth - width - 8))}px`;
    this.#menu.style.top = `${below + height > clientHeight ? Math.max(8, box.top - height - 4) : below}px`;
    this.#menu.querySelector('button')?.focus();
  }

  /** Asks before it acts, and shows what would be sent. */
  ask(opener: HTMLElement, title: string, action: Action): void {
    this.#opener = opener;
    if (this.#menu.matches(':popover-open')) this.#menu.hidePopover();
    const number = action.number === undefined ? undefined : numberField(action.number);
    const text =
      action.text === undefined
        ? undefined
        : h('input', { type: 'text', maxlength: 100, value: action.text.value, autocomplete: 'off' });
    const curl = h('code');
    const problem = h('p', { class: 'problem', role: 'alert' });
    const callNow = (): ApiCall => action.call({ number: Number(number?.value ?? 0), text: text?.value ?? '' });
    const showCurl = (): void => setText(curl, curlLine(callNow(), document.baseURI, this.#needsToken()));
    for (const field of [number, text]) field?.addEventListener('input', showCurl);
    showCurl();
    const copy = h(
      'button',
      { type: 'button', class: 'plain', click: () => void copyText(curl.textContent, copy) },
      'Copy',
    );
    const go = h('button', { type: 'submit', class: 'main' }, action.label);
    const form = h(
      'form',
      { method: 'dialog' },
      h('h2', { id: 'action-title' }, `${action.label}: ${title}`),
      h('p', {}, action.effect),
      number !== undefined && h('label', {}, action.number?.label ?? '', number),
      text !== undefined && h('label', {}, action.text?.label ?? '', text),
      h('p', { class: 'curl-label' }, 'The same from a shell'),
      h('div', { class: 'curl' }, curl, copy),
      problem,
      h('div', { class: 'buttons' }, h('button', { type: 'button', click: () => this.#dialog.close() }, 'Cancel'), go),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      go.disabled = true;
      void this.#send(action, callNow(), problem).finally(() => (go.disabled = false));
    });
    this.#dialog.replaceChildren(form);
    this.#dialog.showModal();
    (number ?? text ?? go).focus();
  }

  async #send(action: Action, call: ApiCall, problem: HTMLElement): Promise<void> {
    const reply = await callApi(call);
    if (reply.problem !== undefined) return setText(problem, `Not done: ${reply.problem}.`);
    setText(this.#said, action.done(reply.value));
    const secret = action.secretOf?.(reply.value);
    if (secret === undefined) return this.#dialog.close();
    return this.#showSecret(secret);
  }

  #showSecret(secret: string): void {
    const code = h('code', {}, secret);
    const copy = h('button', { type: 'button', class: 'plain', click: () => void copyText(secret, copy) }, 'Copy');
    const close = h('button', { type: 'button', class: 'main', click: () => this.#dialog.close() }, 'I have kept it');
    this.#dialog.replaceChildren(
      h('h2', { id: 'action-title' }, 'Keep it now'),
      h('p', {}, 'It is stored nowhere and is not shown again.'),
      h('div', { class: 'curl' }, code, copy),
      h('div', { class: 'buttons' }, close),
    );
    close.focus();
  }
}

function numberField({ value, least, most }: { value: number; least: number; most: number }): HTMLInputElement {
  return h('input', { type: 'number', value, min: least, max: most, step: 1, required: true, inputmode: 'numeric' });
}

async function copyText(text: string, button: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    setText(button, 'Copied');
  } catch {
    // Without TLS and not on loopback, a browser gives no access to the clipboard.
    setText(button, 'Select it');
  }
}
