/** A type of C as the trace language writes it: without `const`, integers by their size. */
export function typeText(type: string): string {
  const stars = type.replace(/[^*]/g, '');
  const words = type
    .replaceAll('*', ' ')
    .split(/\s+/)
    .filter((one) => one !== '' && !/^(const|volatile|restrict|__user|__kernel|register)$/.test(one));
  const base = integer(words) ?? words.join(' ');
  return stars === '' ? base : `${base} ${stars}`;
}

/** Whether words between parentheses are a type, in front of a value: a cast. */
export function isType(words: string): boolean {
  const base = words.replaceAll('*', ' ').trim();
  if (!/^[A-Za-z_][\w\s]*$/.test(base)) return false;
  if (words.includes('*')) return true;
  return /\b(struct|union|enum|unsigned|signed|int|char|short|long|bool|_Bool|void)\b|^_*[su](8|16|32|64)$|_t$/.test(
    base,
  );
}

function integer(words: readonly string[]): string | undefined {
  const rest = words.filter((one) => one !== 'unsigned' && one !== 'signed' && one !== 'int');
  const sign = words.includes('unsigned') ? 'u' : '';
  if (rest.length === 0 && words.length > 0) return `${sign}int32`;
  if (rest.every((one) => one === 'long')) return `${sign}int64`;
  if (rest.length !== 1) return undefined;
  if (rest[0] === 'short') return `${sign}int16`;
  if (rest[0] === 'char') return sign === 'u' ? 'uint8' : 'char';
  const [, u, bits] = /^_*([su])(8|16|32|64)$/.exec(rest[0]!) ?? [];
  return bits === undefined ? undefined : `${u === 'u' ? 'u' : ''}int${bits}`;
}
