import { nameText } from '../names.ts';
import { PUNCTUATORS, T, type TokenKind } from '../token.ts';
import type { TokenList } from '../token-list.ts';
import { isName } from './macro.ts';

/** A token on its way through macro expansion: one row of a {@link TokenList} as an object. */
export class Tok {
  kind: TokenKind;
  value: number;
  /** Index in the list's `files`. */
  file: number;
  start: number;
  end: number;
  flags: number;
  origin: number;

  constructor(kind: TokenKind, value: number, file: number, start: number, end: number, flags: number, origin: number) {
    this.kind = kind;
    this.value = value;
    this.file = file;
    this.start = start;
    this.end = end;
    this.flags = flags;
    this.origin = origin;
  }

  copy(): Tok {
    return new Tok(this.kind, this.value, this.file, this.start, this.end, this.flags, this.origin);
  }
}

/** Bit of `flags`: a name that must never be expanded any more, since its macro was being expanded when it was met. */
export const NO_EXPAND = 4;

/** Kind of the nothing that an empty argument of `##` stands for. */
export const PLACEMARKER: TokenKind = 7;

/** Variable arguments that are not there at all, unlike `f(a, )`. */
export const LEFT_OUT: Tok[] = [];

export function tokText(list: TokenList, tok: Tok): string {
  if (isName(tok.kind)) return nameText(tok.value);
  if (tok.value > 0) return list.texts[tok.value - 1]!;
  if (tok.kind === T.Eof || tok.kind === T.Pragma || tok.kind === PLACEMARKER) return '';
  return PUNCTUATORS[tok.kind] ?? list.files[tok.file]!.text.slice(tok.start, tok.end);
}

/** What stands between the quotes of a string, without prefix. */
export function unquote(text: string): string {
  return text
    .slice(text.indexOf('"') + 1, -1)
    .replaceAll('\\"', '"')
    .replaceAll('\\\\', '\\');
}
