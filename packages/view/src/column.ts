/** One value of a row: what decoders make of BTF types. */
export type Cell =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly Cell[]
  | { readonly [name: string]: Cell };
/** An event by the names of its columns. */
export type Row = { readonly [name: string]: Cell };

/** How a value is to be read; programs say so with `show_as(…)` on the member (`skep/show.h`). */
export const SHOW = ['time', 'duration', 'hex', 'octal', 'bytes'] as const;
/** How cells of a column are shown. */
export type Show = (typeof SHOW)[number];

/** What is known of a member of an event. */
export interface FieldInfo {
  readonly name: string;
  readonly kind: 'integer' | 'text' | 'bytes' | 'boolean' | 'other';
  /** Of integers: bytes. Of text: the most characters it can have. */
  readonly size: number;
  readonly signed?: boolean;
  readonly show?: Show | undefined;
}

/** A column of a table of events. */
export interface Column {
  /** As in JSON, filters and `-o columns=`. */
  readonly name: string;
  /** As in the head of the table. */
  readonly title: string;
  /** Characters; longer cells push the rest of their row to the right. */
  readonly width: number;
  readonly align: 'left' | 'right';
  text(value: Cell | undefined): string;
}

/** The columns for a record's members, in their order. `epoch` is the time that `time` columns count from. */
export function columnsFor(
  fields: readonly FieldInfo[],
  epoch: { start: bigint | undefined } = { start: undefined },
): Column[] {
  return fields.map((field) => {
    const title = field.name.toUpperCase();
    const width = Math.max(title.length, widthOf(field));
    const align = field.kind === 'integer' && field.show !== 'time' ? 'right' : 'left';
    return { name: field.name, title, width, align, text: (value) => cellText(value, field, epoch) };
  });
}

/** A value as one word of a table; control characters are written as escapes, so that no event can draw on a terminal. */
export function cellText(value: Cell | undefined, field?: FieldInfo, epoch?: { start: bigint | undefined }): string {
  if (value === undefined || value === null) return '-';
  switch (typeof value) {
    case 'string':
      return printable(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
    case 'bigint':
      return numberText(value, field?.show, epoch);
    default:
      if (value instanceof Uint8Array) return hexOf(value);
      if (Array.isArray(value)) return `[${value.map((one) => cellText(one as Cell)).join(' ')}]`;
      return `{${Object.entries(value as Row)
        .map(([name, one]) => `${name}=${cellText(one)}`)
        .join(' ')}}`;
  }
}

function numberText(
  value: number | bigint,
  show: Show | undefined,
  epoch: { start: bigint | undefined } | undefined,
): string {
  switch (show) {
    case 'hex':
      return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
    case 'octal':
      return value <= 0 ? String(value) : `0${value.toString(8)}`;
    case 'time': {
      const at = BigInt(value);
      if (epoch && epoch.start === undefined) epoch.start = at;
      return seconds(at - (epoch?.start ?? 0n));
    }
    case 'duration':
      return duration(Number(value));
    case 'bytes':
      return bytesText(Number(value));
    default:
      return String(value);
  }
}

/** Nanoseconds as seconds with six decimals; a later event of another CPU may be before the first. */
function seconds(ns: bigint): string {
  const sign = ns < 0n ? '-' : '';
  const micros = (ns < 0n ? -ns : ns) / 1000n;
  return `${sign}${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, '0')}`;
}

/** Nanoseconds with three digits and the unit that suits. */
export function duration(ns: number): string {
  for (const [unit, size] of [
    ['s', 1e9],
    ['ms', 1e6],
    ['µs', 1e3],
  ] as const) {
    if (Math.abs(ns) >= size) return `${(ns / size).toPrecision(3)} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
}

/** A number of bytes with three digits: `1.50 KiB`. */
export function bytesText(count: number): string {
  if (Math.abs(count) < 1024) return `${count} B`;
  const power = Math.min(4, Math.floor(Math.log2(Math.abs(count)) / 10));
  return `${(count / 1024 ** power).toPrecision(3)} ${['', 'K', 'M', 'G', 'T'][power]}iB`;
}

function widthOf(field: FieldInfo): number {
  switch (field.kind) {
    case 'integer':
      if (field.show === 'time') return 11;
      return { 1: 4, 2: 6, 4: 7, 8: 12 }[field.size] ?? 12;
    case 'text':
      return Math.min(field.size, 16);
    default:
      return 8;
  }
}

function hexOf(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, 32);
  const text = Array.from(shown, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return bytes.length > shown.length ? `${text}…` : text;
}

/** C0, DEL and C1: what could move the cursor or colour the screen. */
function printable(text: string): string {
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (code >= 0x20 && (code < 0x7f || code > 0x9f)) out += char;
    else if (char === '\n') out += '\\n';
    else if (char === '\t') out += '\\t';
    else out += `\\x${code.toString(16).padStart(2, '0')}`;
  }
  return out;
}
