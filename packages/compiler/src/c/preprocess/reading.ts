import type { Diagnostic, SourceFile, Span } from '@skep/base';
import type { LexedFile } from '../lexer.ts';
import { LINE_START, SPACE_BEFORE, T } from '../token.ts';
import { TokenList } from '../token-list.ts';
import * as say from './diagnostics.ts';
import { isName, spanAt } from './macro.ts';
import type { PreprocessOptions } from './options.ts';
import { Tok, tokText } from './tok.ts';
import { WarningRegions } from './warning-regions.ts';

/** The files that are being read, the tokens that were made of them, and how a place in either is told to people. */
export class Reading {
  readonly options: PreprocessOptions;
  readonly out = new TokenList();
  readonly dependencies: SourceFile[] = [];
  readonly warnings = new WarningRegions();
  /** The innermost last. */
  readonly frames: Frame[] = [];
  /** Flags that the next token gets besides its own: of what came before it and left nothing. */
  pendingFlags = 0;
  private readonly fileIndexes = new Map<LexedFile, number>();

  constructor(options: PreprocessOptions) {
    this.options = options;
  }

  /** The file that is being read. */
  get frame(): Frame {
    return this.frames[this.frames.length - 1]!;
  }

  hasRead(lexed: LexedFile): boolean {
    return this.fileIndexes.has(lexed);
  }

  enter(lexed: LexedFile, path: string, found: number, system: boolean): void {
    const fileIndex = this.indexOf(lexed);
    const { warnings } = this;
    const around = this.frames[this.frames.length - 1];
    const silent = around?.silent !== undefined || system ? warnings.flags : undefined;
    if (silent !== undefined) warnings.silence();
    warnings.mark(lexed.file, 0);
    if (!this.dependencies.includes(lexed.file)) this.dependencies.push(lexed.file);
    this.frames.push({
      lexed,
      fileIndex,
      path,
      found,
      conditionals: [],
      pos: 0,
      lineDelta: 0,
      presumedName: undefined,
      silent,
      skipped: [],
    });
  }

  leave(frame: Frame): void {
    for (const open of frame.conditionals) this.report(say.conditionalUnterminated(open.directive, open.span));
    const { lexed } = frame;
    for (const at of lexed.unknownEscapes) {
      if (isSkipped(frame, at)) continue;
      const span = { file: lexed.file, start: at, end: at + 2 };
      this.report(say.escapeUnknown(lexed.file.text.slice(at, at + 2), span));
    }
    const wide = lexed.wideSpaces.filter((at) => !isSkipped(frame, at));
    if (wide.length > 0) {
      const span = { file: lexed.file, start: wide[0]!, end: wide[0]! + 1 };
      this.report(say.spaceWide(lexed.file.text[wide[0]!]!, span, wide.length - 1));
    }
    if (lexed.openComment >= 0)
      this.report(say.commentUnterminated({ file: lexed.file, start: lexed.openComment, end: lexed.openComment + 2 }));
    this.frames.pop();
    if (frame.silent !== undefined) this.warnings.flags = frame.silent;
    const around = this.frames[this.frames.length - 1];
    if (around !== undefined) this.markWarnings(around);
  }

  /** What was said of warnings holds from here on. */
  markWarnings({ lexed, pos }: Frame): void {
    this.warnings.mark(lexed.file, lexed.starts[pos] ?? lexed.file.text.length);
  }

  indexOf(lexed: LexedFile): number {
    let index = this.fileIndexes.get(lexed);
    if (index === undefined) {
      index = this.out.files.length;
      if (index > 0xffff) this.stop(say.tooManyFiles(spanAt(lexed, 0), 0xffff));
      this.out.files.push(lexed.file);
      this.fileIndexes.set(lexed, index);
    }
    return index;
  }

  tokAt(frame: Frame, i: number): Tok {
    return this.tokOf(frame.lexed, frame.fileIndex, i, 0);
  }

  tokOf(lexed: LexedFile, fileIndex: number, i: number, origin: number): Tok {
    const kind = lexed.kinds[i]!;
    let value = lexed.values[i]!;
    if (value > 0 && !isName(kind)) value = this.text(lexed.texts[value - 1]!);
    return new Tok(kind, value, fileIndex, lexed.starts[i]!, lexed.ends[i]!, lexed.flags[i]!, origin);
  }

  /** Makes a text of its own for a token; gives its value. */
  text(text: string): number {
    this.out.texts.push(text);
    return this.out.texts.length;
  }

  madeTok(kind: number, text: string, like: Tok): Tok {
    return new Tok(kind, this.text(text), like.file, like.start, like.end, like.flags, like.origin);
  }

  numberTok(like: Tok, value: number): Tok {
    return this.madeTok(T.Number, String(value), like);
  }

  append(tok: Tok): void {
    if (tok.kind === T.Stray) {
      this.stray(tok);
      return;
    }
    const { out } = this;
    const at = out.length;
    if (at === out.kinds.length) this.reserve();
    out.kinds[at] = tok.kind;
    out.values[at] = tok.value;
    out.fileIndexes[at] = tok.file;
    out.starts[at] = tok.start;
    out.ends[at] = tok.end;
    out.origins[at] = tok.origin;
    out.flags[at] = (tok.flags | this.pendingFlags) & (LINE_START | SPACE_BEFORE);
    this.pendingFlags = 0;
    out.length = at + 1;
  }

  reserve(): void {
    const { out } = this;
    if (out.length >= MAX_TOKENS) this.stop(say.expansionTooLarge('#include', this.here(), MAX_TOKENS));
    out.grow();
  }

  private stray(tok: Tok): void {
    const span = this.spanOf(tok);
    const text = tokText(this.out, tok);
    const quote = text.indexOf('"') >= 0 ? '"' : "'";
    if (text.includes('"') || text.includes("'"))
      this.report(say.literalUnterminated(quote === '"' ? 'string' : 'character constant', quote, span));
    else this.report(say.characterStray(text, span));
  }

  report(diagnostic: Diagnostic): void {
    this.options.diagnostics.add(diagnostic);
  }

  stop(diagnostic: Diagnostic): never {
    this.report(diagnostic);
    throw new Stop();
  }

  /** Where the reading is, for errors about no token in particular. */
  here(): Span {
    const frame = this.frames[this.frames.length - 1]!;
    return spanAt(frame.lexed, Math.min(frame.pos, frame.lexed.count - 1));
  }

  spelling(tok: Tok): Span {
    return { file: this.out.files[tok.file]!, start: tok.start, end: tok.end };
  }

  spanOf(tok: Tok): Span {
    let expansion = tok.origin > 0 ? this.out.expansions[tok.origin] : undefined;
    if (expansion === undefined) return this.spelling(tok);
    while (expansion.parent !== undefined) expansion = expansion.parent;
    return expansion.site;
  }

  /** Offset in the file that `__LINE__` counts from: its own, or, in the body of a macro, the end of the use of that. */
  lineOffsetOf(tok: Tok): number {
    let expansion = tok.origin > 0 ? this.out.expansions[tok.origin] : undefined;
    if (expansion === undefined) return tok.start;
    while (expansion.end < 0 && expansion.parent !== undefined) expansion = expansion.parent;
    return expansion.end < 0 ? expansion.site.end : expansion.end;
  }

  notesOf(tok: Tok) {
    return this.out.notesOf(tok.origin, this.spelling(tok));
  }
}

/** A file being read. */
export interface Frame {
  readonly lexed: LexedFile;
  readonly fileIndex: number;
  readonly path: string;
  /** Where in the search path the file was found, for `#include_next`. */
  readonly found: number;
  readonly conditionals: Conditional[];
  pos: number;
  /** What `#line` adds to line numbers, and the name that it gave. */
  lineDelta: number;
  presumedName: string | undefined;
  /** A header of the system, which nothing is warned of; the flags that hold again behind it. */
  silent: readonly string[] | undefined;
  /** Groups that were not read: the tokens where each begins and ends, by turns. */
  readonly skipped: number[];
}

function isSkipped({ skipped, lexed }: Frame, at: number): boolean {
  for (let i = 0; i < skipped.length; i += 2)
    if (lexed.starts[skipped[i]!]! <= at && at < lexed.starts[skipped[i + 1]!]!) return true;
  return false;
}

export interface Conditional {
  readonly directive: string;
  readonly span: Span;
  taken: boolean;
  elseSpan: Span | undefined;
}

/** Ends preprocessing after an error that leaves nothing sensible to go on with. */
export class Stop extends Error {}

/** Bound that no honest program comes near, so that no input exhausts memory. */
const MAX_TOKENS = 1 << 23;
