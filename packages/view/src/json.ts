import type { Cell } from './column.ts';

/**
 * JSON in which every integer is exact: a bigint becomes an integer literal of any length, bytes become a hex string.
 * `space` as in `JSON.stringify`.
 */
export function toJson(value: unknown, space = 0): string {
  return write(value, space > 0 ? '\n' : '', ' '.repeat(space));
}

function write(value: unknown, newline: string, indent: string): string {
  if (value === undefined || value === null) return 'null';
  switch (typeof value) {
    case 'bigint':
      return String(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null';
    case 'boolean':
      return String(value);
    case 'string':
      return JSON.stringify(value);
    default:
  }
  if (value instanceof Uint8Array) {
    return `"${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')}"`;
  }
  const deeper = newline === '' ? '' : newline + indent;
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    return `[${deeper}${value.map((one) => write(one, deeper, indent)).join(`,${deeper}`)}${newline}]`;
  }
  const entries = Object.entries(value as Record<string, Cell>).filter(([, one]) => one !== undefined);
  if (entries.length === 0) return '{}';
  const colon = newline === '' ? ':' : ': ';
  return `{${deeper}${entries.map(([name, one]) => `${JSON.stringify(name)}${colon}${write(one, deeper, indent)}`).join(`,${deeper}`)}${newline}}`;
}
