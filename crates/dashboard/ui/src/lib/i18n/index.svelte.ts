// The page's language: `t('key', { n: 3 })` is reactive in templates. Catalogues are typed objects, so a key that
// one language lacks does not compile.
import { en } from './en';
import { zh } from './zh';
import { remember, recall } from '../storage';

export type MessageKey = keyof typeof en;
export type Locale = 'en' | 'zh';
export type Params = Record<string, string | number>;

const catalogues: Record<Locale, Record<MessageKey, string>> = { en, zh };

/** The language tag for Intl of each catalogue. */
const tags: Record<Locale, string> = { en: 'en', zh: 'zh-CN' };

class Language {
  locale: Locale = $state(preferred());

  /** Switches the language and remembers it. */
  choose(locale: Locale): void {
    this.locale = locale;
    remember('locale', locale);
  }

  /** The tag to hand to Intl and to `format.ts`. */
  get tag(): string {
    return tags[this.locale];
  }
}

export const language = new Language();

/** The message for `key`; `{name}` in it is replaced by `params.name`. `key|one` is used when `n` is 1. */
export function t(key: MessageKey, params?: Params): string {
  const catalogue = catalogues[language.locale];
  const single = `${key}|one` as MessageKey;
  const pattern = params?.['n'] === 1 && single in catalogue ? catalogue[single] : catalogue[key];
  return params ? fill(pattern, params) : pattern;
}

function fill(pattern: string, params: Params): string {
  return pattern.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(language.tag).format(value) : value;
  });
}

function preferred(): Locale {
  const saved = recall('locale');
  if (saved === 'en' || saved === 'zh') return saved;
  const wanted = typeof navigator === 'undefined' ? ['en'] : navigator.languages;
  const known = wanted
    .map((tag) => tag.toLowerCase().split('-')[0])
    .find((tag) => tag === 'zh' || tag === 'en');
  return known === 'zh' ? 'zh' : 'en';
}
