import type { DiagnosticNote, SourceFile, Span } from '@skep/base';
import { nameText } from './names.ts';
import {
  type Expansion,
  FIRST_KEYWORD,
  type LINE_START,
  type Pragma,
  PUNCTUATORS,
  type SPACE_BEFORE,
  T,
  type TokenKind,
} from './token.ts';

/**
 * The tokens of a translation unit after preprocessing: columns instead of objects, since a program that includes a real
 * `vmlinux.h` has half a million of them. Read it by index; the last token, at `length - 1`, is always `T.Eof`.
 * Adjacent strings are not joined, keywords are told from identifiers, and nothing here changes after preprocessing.
 */
export class TokenList {
  length = 0;
  /** One of {@link T} a token. Longer than `length`. */
  kinds: Uint8Array;
  /** Names: the number of the name in `names.ts`. Pragmas: the index of the pragma. Literals: 1 + index in `texts`, or 0. */
  values: Int32Array;
  /** Where it was spelled: file, and UTF-16 offsets in it. Of a token made by `#` or `##`: what it was made from. */
  fileIndexes: Uint16Array;
  starts: Int32Array;
  ends: Int32Array;
  /** 0: written in the file. e > 0: came from the body of `expansions[e]`. e < 0: was an argument of `expansions[-e]`. */
  origins: Int32Array;
  /** Bits: see {@link LINE_START}, {@link SPACE_BEFORE}. */
  flags: Uint8Array;

  readonly files: SourceFile[] = [];
  readonly texts: string[] = [];
  readonly pragmas: Pragma[] = [];
  readonly expansions: (Expansion | undefined)[] = [undefined];

  constructor(capacity = 4096) {
    this.kinds = new Uint8Array(capacity);
    this.values = new Int32Array(capacity);
    this.fileIndexes = new Uint16Array(capacity);
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.origins = new Int32Array(capacity);
    this.flags = new Uint8Array(capacity);
  }

  kind(i: number): TokenKind {
    return this.kinds[i]!;
  }

  /** The spelling, line splices removed. Of names, always the same string object for the same name. */
  text(i: number): string {
    const kind = this.kinds[i]!;
    if (kind === T.Identifier || kind >= FIRST_KEYWORD) return nameText(this.values[i]!);
    if (kind === T.Eof || kind === T.Pragma) return '';
    const made = this.values[i]!;
    const text = made > 0 ? this.texts[made - 1] : undefined;
    return text ?? PUNCTUATORS[kind] ?? this.files[this.fileIndexes[i]!]!.text.slice(this.starts[i]!, this.ends[i]!);
  }

  /** The number of the name of an identifier or keyword, equal for equal names: a key for fast tables. */
  nameId(i: number): number {
    return this.values[i]!;
  }

  pragma(i: number): Pragma {
    return this.pragmas[this.values[i]!]!;
  }

  /**
   * The place in a file where the user would look: of a token from a macro's body, the name at the outermost use;
   * of a macro's argument, the argument itself.
   */
  span(i: number): Span {
    const expansion = this.bodyOf(i);
    if (expansion !== undefined) return outermost(expansion).site;
    return { file: this.files[this.fileIndexes[i]!]!, start: this.starts[i]!, end: this.ends[i]! };
  }

  /** From the start of `first` to the end of `last`, as {@link span} sees them. */
  spanBetween(first: number, last: number): Span {
    const start = this.span(first);
    if (first === last) return start;
    const end = this.span(last);
    if (start.file !== end.file || end.end < start.end) return start;
    return { file: start.file, start: start.start, end: end.end };
  }

  /** Where the token's text itself stands, be it in a macro's definition. */
  spelling(i: number): Span {
    return { file: this.files[this.fileIndexes[i]!]!, start: this.starts[i]!, end: this.ends[i]! };
  }

  /** For a diagnostic at this token: the macros that it came out of, innermost first; empty when there were none. */
  notes(i: number): DiagnosticNote[] {
    return this.notesOf(this.origins[i]!, this.spelling(i));
  }

  /** As {@link notes}, for a token that is not in the list. */
  notesOf(origin: number, spelling: Span): DiagnosticNote[] {
    const notes: DiagnosticNote[] = [];
    let expansion = this.expansions[Math.abs(origin)];
    let at: Span | undefined = origin > 0 ? spelling : expansion?.definition;
    for (; expansion !== undefined && notes.length < MAX_NOTES; expansion = expansion.parent) {
      notes.push({ message: `expanded from macro '${expansion.macro}'`, span: at });
      at = expansion.site;
    }
    return notes;
  }

  /** Makes room for as many tokens again. */
  grow(): void {
    const capacity = this.kinds.length * 2;
    this.kinds = into(new Uint8Array(capacity), this.kinds);
    this.flags = into(new Uint8Array(capacity), this.flags);
    this.fileIndexes = into(new Uint16Array(capacity), this.fileIndexes);
    this.values = into(new Int32Array(capacity), this.values);
    this.starts = into(new Int32Array(capacity), this.starts);
    this.ends = into(new Int32Array(capacity), this.ends);
    this.origins = into(new Int32Array(capacity), this.origins);
  }

  private bodyOf(i: number): Expansion | undefined {
    const origin = this.origins[i]!;
    return origin > 0 ? this.expansions[origin] : undefined;
  }
}

const MAX_NOTES = 8;

function outermost(expansion: Expansion): Expansion {
  let at = expansion;
  while (at.parent !== undefined) at = at.parent;
  return at;
}

function into<A extends Uint8Array | Uint16Array | Int32Array>(to: A, from: A): A {
  to.set(from);
  return to;
}
