import type { SourceFile, Span } from '@skep/base';
import { type LexedFile, lex } from '../lexer.ts';
import { nameId } from '../names.ts';
import { SPACE_BEFORE, T } from '../token.ts';
import * as say from './diagnostics.ts';
import type { Expander } from './expander.ts';
import { IncludeResolver } from './include-resolver.ts';
import { parseDefinition, spanOfLine, textAt } from './macro.ts';
import type { MacroTable } from './macro-table.ts';
import type { Features } from './options.ts';
import type { Frame, Reading } from './reading.ts';
import { type Tok, tokText } from './tok.ts';

/** A header as a directive names it: `<linux/bpf.h>` is angled. */
interface Header {
  readonly name: string;
  readonly angled: boolean;
}

/** `#include` and its kin: which file is read next, and which are not read again. */
export class Inclusion {
  readonly features: Features = { vmlinux: false, helpers: false };
  /** Where each file was included first. */
  readonly includedAt = new Map<SourceFile, Span>();
  private readonly reading: Reading;
  private readonly macros: MacroTable;
  private readonly expander: Expander;
  private readonly resolver: IncludeResolver;
  private readonly once = new Set<LexedFile>();
  private includes = 0;

  constructor(reading: Reading, macros: MacroTable, expander: Expander) {
    this.reading = reading;
    this.macros = macros;
    this.expander = expander;
    this.resolver = new IncludeResolver(reading.options);
  }

  /** Reads the file that is being read only this once. */
  onlyOnce(): void {
    this.once.add(this.reading.frame.lexed);
  }

  /** `next`: only behind the directory that the file was found in. */
  exists({ name, angled }: Header, next: boolean): boolean {
    const { frame } = this.reading;
    return this.resolver.exists(name, angled, frame.path, next ? frame.found : undefined);
  }

  include(frame: Frame, at: number, end: number): void {
    const { lexed } = frame;
    const word = textAt(lexed, at);
    const header = this.headerAt(frame, at + 1, end);
    if (header === undefined) {
      this.reading.report(say.includeMalformed(word, spanOfLine(lexed, at, end)));
      return;
    }
    const next = word === 'include_next' ? frame.found : undefined;
    const found = this.resolver.find(header.name, header.angled, frame.path, next);
    if (found === undefined) {
      const { searched, meant } = this.resolver.advice(header.name, header.angled, frame.path);
      this.reading.report(say.includeNotFound(header.name, header.span, searched, meant));
      return;
    }
    if (found.virtual !== undefined) {
      this.features[found.virtual] = true;
      if (found.virtual === 'vmlinux') this.defineVirtual('__VMLINUX_H__');
    }
    if (found.file === undefined) return;
    const included = lex(found.file);
    if (word === 'import') this.once.add(included);
    if (this.once.has(included) && this.reading.hasRead(included)) return;
    if (included.guard >= 0 && this.macros.byName[included.guard] !== undefined) return;
    if (this.reading.frames.length > MAX_INCLUDE_DEPTH)
      this.reading.stop(say.includeTooDeep(header.span, MAX_INCLUDE_DEPTH));
    if (++this.includes > MAX_INCLUDES) this.reading.stop(say.tooManyFiles(header.span, MAX_INCLUDES));
    if (!this.includedAt.has(included.file)) this.includedAt.set(included.file, header.span);
    this.reading.enter(included, found.path, found.index, this.resolver.isSystem(found.index));
  }

  headerOf(toks: readonly Tok[]): Header | undefined {
    const first = toks[0];
    if (first === undefined) return undefined;
    if (first.kind === T.String) {
      const text = tokText(this.reading.out, first);
      return text.startsWith('"') && text.length > 2 ? { name: text.slice(1, -1), angled: false } : undefined;
    }
    const opener = tokText(this.reading.out, first);
    if (!opener.startsWith('<')) return undefined;
    let name = opener.slice(1);
    for (let i = 1; i < toks.length; i++) {
      const tok = toks[i]!;
      if (tok.kind === T.Gt) return name === '' ? undefined : { name, angled: true };
      if ((tok.flags & SPACE_BEFORE) !== 0) name += ' ';
      name += tokText(this.reading.out, tok);
    }
    return undefined;
  }

  private headerAt(frame: Frame, at: number, end: number): (Header & { span: Span }) | undefined {
    if (at >= end) return undefined;
    const { lexed } = frame;
    const { text } = lexed.file;
    const start = lexed.starts[at]!;
    const opener = text[start];
    if (opener === '<' || opener === '"') {
      // Read from the text: between the delimiters nothing is a token or a comment.
      const close = text.indexOf(opener === '<' ? '>' : '"', start + 1);
      const lineEnd = text.indexOf('\n', start);
      if (close < 0 || (lineEnd >= 0 && close > lineEnd) || close === start + 1) return undefined;
      let after = at;
      while (after < end && lexed.starts[after]! <= close) after++;
      const span = { file: lexed.file, start, end: close + 1 };
      if (after < end) this.reading.report(say.extraTokens('include', spanOfLine(lexed, after, end)));
      return { name: text.slice(start + 1, close), angled: opener === '<', span };
    }
    const toks: Tok[] = [];
    for (let i = at; i < end; i++) toks.push(this.reading.tokAt(frame, i));
    const header = this.headerOf(this.expander.expandList(toks));
    return header && { ...header, span: spanOfLine(lexed, at, end) };
  }

  private defineVirtual(name: string): void {
    const lexed = lex(VMLINUX_GUARD);
    const made = parseDefinition(lexed, 2, lexed.count - 1);
    if (!('code' in made)) this.macros.set(nameId(name), made);
  }
}

/** Bounds that no honest program comes near, so that no input hangs. */
const MAX_INCLUDE_DEPTH = 200;
const MAX_INCLUDES = 20_000;
const VMLINUX_GUARD: SourceFile = { name: '<built-in>/vmlinux.h', text: '#define __VMLINUX_H__\n' };
