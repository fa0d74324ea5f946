/** A piece of a `printf` format: text, or a place for an argument. */
export type FormatPiece = { readonly kind: 'text'; readonly text: string } | FormatPlace;

export interface FormatPlace {
  readonly kind: 'place';
  /** `-`, `0`, `+`, `#`, blank. */
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  /** `hh`, `h`, `l`, `ll`, `j`, `z`, `t`, or nothing. */
  readonly length: string;
  /** `d`, `u`, `x`, `s`, `c`, `p`, `r`, `rx`, `rh`, `gr` … */
  readonly conversion: string;
  readonly written: string;
}

/** The pieces of a format; undefined where a `%` begins nothing known. */
export function parsePrintf(format: string): readonly FormatPiece[] | undefined {
  const pieces: FormatPiece[] = [];
  let text = '';
  for (let at = 0; at < format.length; ) {
    if (format[at] !== '%') {
      text += format[at++];
      continue;
    }
    if (format[at + 1] === '%') {
      text += '%';
      at += 2;
      continue;
    }
    const match = /^%([-+ 0#']*)(\d*)(?:\.(\d+))?(hh|h|ll|l|j|z|t|L)?(gr|rx|rh|[a-zA-Z])/.exec(
      format.slice(at, at + 40),
    );
    if (!match || !CONVERSIONS.has(match[5]!)) return undefined;
    if (text !== '') pieces.push({ kind: 'text', text });
    text = '';
    const [written, flags = '', width = '', precision, length = '', conversion = ''] = match;
    pieces.push({
      kind: 'place',
      flags,
      width: Number(width || 0),
      precision: precision === undefined ? undefined : Number(precision),
      length,
      conversion,
      written,
    });
    at += written.length;
  }
  if (text !== '') pieces.push({ kind: 'text', text });
  return pieces;
}

const CONVERSIONS: ReadonlySet<string> = new Set(['d', 'i', 'u', 'x', 'X', 'o', 'c', 's', 'p', 'r', 'rx', 'rh', 'gr']);
