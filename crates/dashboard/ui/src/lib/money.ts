// Exact decimals as people read them: no float is involved.

/** `12.345678` as `$12.35`, small amounts with two digits that count: `$0.0042`. */
export function dollars(amount: string | null | undefined): string {
  if (amount == null) return '–';
  const sign = amount.startsWith('-') ? '−' : '';
  const [whole = '0', fraction = ''] = amount.replace('-', '').split('.');
  const zeros = fraction.length - fraction.replace(/^0+/, '').length;
  const digits = whole !== '0' ? 2 : Math.min(Math.max(2, zeros + 2), 12);
  return `${sign}$${rounded(whole, fraction, digits)}`;
}

function rounded(whole: string, fraction: string, digits: number): string {
  const kept = BigInt(whole + fraction.padEnd(digits, '0').slice(0, digits));
  const up = (fraction[digits] ?? '0') >= '5' ? 1n : 0n;
  const text = (kept + up).toString().padStart(digits + 1, '0');
  const grouped = text.slice(0, -digits).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${grouped}.${text.slice(-digits)}`;
}
