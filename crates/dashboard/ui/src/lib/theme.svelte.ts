// Light, dark, or as the system has it. The choice shows as data-theme on <html>.
import { recall, remember } from './storage';

export type ThemeChoice = 'auto' | 'light' | 'dark';

const system = typeof matchMedia === 'undefined' ? null : matchMedia('(prefers-color-scheme: dark)');

class Theme {
  choice: ThemeChoice = $state('auto');

  /** Takes up the remembered choice and follows the system from now on. */
  start(): void {
    const saved = recall('theme');
    if (saved === 'light' || saved === 'dark') this.choice = saved;
    system?.addEventListener('change', () => this.#apply());
    this.#apply();
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice;
    remember('theme', choice);
    this.#apply();
  }

  #apply(): void {
    const dark = this.choice === 'dark' || (this.choice === 'auto' && system?.matches);
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
  }
}

export const theme = new Theme();
