// Numbers, sizes and times as people read them, by the page's language.

const formats = new Map<string, Intl.NumberFormat>();

function number(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.NumberFormat(locale, options)));
  return format;
}

/** What stands where there is no figure. */
export const NONE = '–';

/** `12,345` */
export function integer(value: number | null | undefined, locale = 'en'): string {
  return value == null ? NONE : number(locale, { maximumFractionDigits: 0 }).format(value);
}

/** Tokens, short: `950`, `12.3k`, `4.56M`. */
export function tokens(value: number | null | undefined, locale = 'en'): string {
  if (value == null) return NONE;
  if (value < 1000) return integer(value, locale);
  const [scaled, unit] = value < 999_950 ? [value / 1e3, 'k'] : [value / 1e6, 'M'];
  return number(locale, { maximumSignificantDigits: scaled >= 100 ? 4 : 3 }).format(scaled) + unit;
}

/** Bytes by powers of 1,024: `812 B`, `3.4 KB`, `1.25 MB`. */
export function bytes(value: number | null | undefined, locale = 'en'): string {
  if (value == null) return NONE;
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1023.5 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${number(locale, { maximumFractionDigits: digits }).format(scaled)} ${units[unit]}`;
}

/** A duration in milliseconds: `0.8 ms`, `812 ms`, `1.24 s`, `2 min 05 s`, `1 h 02 min`. */
export function ms(value: number | null | undefined, locale = 'en'): string {
  if (value == null) return NONE;
  if (value < 10) return `${number(locale, { maximumFractionDigits: 1 }).format(value)} ms`;
  if (value < 999.5) return `${number(locale, { maximumFractionDigits: 0 }).format(value)} ms`;
  const seconds = value / 1000;
  if (seconds < 59.95) {
    return `${number(locale, { maximumFractionDigits: seconds < 10 ? 2 : 1 }).format(seconds)} s`;
  }
  const whole = Math.round(seconds);
  const pad = (part: number) => String(part).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** `0.975` as `97.5%`. */
export function percent(share: number | null | undefined, locale = 'en'): string {
  return share == null ? NONE : number(locale, { style: 'percent', maximumFractionDigits: 1 }).format(share);
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function clock(kind: 'time' | 'day' | 'full', locale: string): Intl.DateTimeFormat {
  const key = `${kind} ${locale}`;
  let format = clocks.get(key);
  if (!format) {
    const hour: Intl.DateTimeFormatOptions = {
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    };
    const options: Intl.DateTimeFormatOptions =
      kind === 'time'
        ? hour
        : kind === 'day'
          ? { month: 'short', day: 'numeric' }
          : { dateStyle: 'medium', timeStyle: 'long', hourCycle: 'h23' };
    clocks.set(key, (format = new Intl.DateTimeFormat(locale, options)));
  }
  return format;
}

type Moment = string | number | Date | null | undefined;

/** The time of day today (`14:03:22`), with the date before it on any other day. */
export function time(moment: Moment, locale = 'en', now = new Date()): string {
  const date = valid(moment);
  if (!date) return NONE;
  const hour = clock('time', locale).format(date);
  return date.toDateString() === now.toDateString() ? hour : `${clock('day', locale).format(date)} ${hour}`;
}

/** Date, time and zone in full, for titles. */
export function moment(moment: Moment, locale = 'en'): string {
  const date = valid(moment);
  return date ? clock('full', locale).format(date) : NONE;
}

function valid(moment: Moment): Date | null {
  if (moment == null || moment === '') return null;
  const date = new Date(moment);
  return Number.isNaN(date.getTime()) ? null : date;
}
