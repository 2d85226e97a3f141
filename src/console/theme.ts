import { h, setText } from './dom.ts';

const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];

const NAME = 'rampart-theme';
const labels: Readonly<Record<Theme, string>> = { auto: 'Theme: auto', light: 'Theme: light', dark: 'Theme: dark' };

/** The theme that this browser has kept. Storage may be switched off. */
function kept(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(NAME)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

function keep(theme: Theme): void {
  try {
    localStorage.setItem(NAME, theme);
  } catch {
    // The theme then lasts as long as the page.
  }
}

/** Goes through the three themes; `changed` is also called when the system changes its own. */
export function themeButton(changed: () => void): HTMLElement {
  let theme = kept();
  const button = h('button', { type: 'button', class: 'plain' });
  const use = (): void => {
    document.documentElement.dataset['theme'] = theme;
    setText(button, labels[theme]);
  };
  button.addEventListener('click', () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto';
    keep(theme);
    use();
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  use();
  return button;
}
