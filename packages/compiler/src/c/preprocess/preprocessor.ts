import { type Diagnostic, positionOf, type SourceFile, type Span, suggest } from '@skep/base';
import { type LexedFile, lex, lexText } from '../lexer.ts';
import { nameId, nameText } from '../names.ts';
import { type Expansion, LINE_START, SPACE_BEFORE, T } from '../token.ts';
import { TokenList } from '../token-list.ts';
import { evaluateCondition } from './condition.ts';
import * as say from './diagnostics.ts';
import { answerQuery, QUERIES } from './has.ts';
import { IncludeResolver } from './include.ts';
import {
  type BodyItem,
  definitionSpan,
  isName,
  type Macro,
  parseDefinition,
  sameDefinition,
  spanAt,
  specialMacro,
  textAt,
} from './macro.ts';
import type { Features, PreprocessOptions } from './options.ts';
import { readPragma } from './pragma.ts';
import { NO_EXPAND, PLACEMARKER, Tok, tokText } from './tok.ts';
import { WarningRegions } from './warning-regions.ts';

/** Bounds that no honest program comes near, so that no input hangs or exhausts memory. */
const MAX_INCLUDE_DEPTH = 200;
const MAX_INCLUDES = 20_000;
const MAX_TOKENS = 1 << 23;
const MAX_SUBSTITUTED = 1 << 22;
const MAX_NESTING = 250;

/** A file being read. */
interface Frame {
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
}

interface Conditional {
  readonly directive: string;
  readonly span: Span;
  taken: boolean;
  elseSpan: Span | undefined;
}

/** Tokens that are read before the file goes on: the result of a macro, which stays disabled until they are used up. */
interface Context {
  readonly toks: readonly Tok[];
  readonly macro: Macro | undefined;
  pos: number;
}

/** Ends preprocessing after an error that leaves nothing sensible to go on with. */
class Stop extends Error {}

/**
 * One run over one translation unit: C11 translation phases 3, 4 and the `_Pragma` of 6.10.9. Macros are disabled while
 * their result is being read and names met then are painted for ever, as gcc and clang do (6.10.3.4).
 */
export class Preprocessor {
  readonly out = new TokenList();
  readonly features: Features = { vmlinux: false, helpers: false };
  readonly dependencies: SourceFile[] = [];
  /** Where each file was included first. */
  readonly includedAt = new Map<SourceFile, Span>();

  private readonly options: PreprocessOptions;
  private readonly resolver: IncludeResolver;
  /** By number of the name. */
  private readonly macros: (Macro | undefined)[] = [];
  readonly warnings = new WarningRegions();
  private readonly savedMacros = new Map<number, (Macro | undefined)[]>();
  private readonly disabled = new Set<Macro>();
  private readonly frames: Frame[] = [];
  private readonly fileIndexes = new Map<LexedFile, number>();
  private readonly once = new Set<LexedFile>();
  private contexts: Context[] = [];
  /** Only the contexts are read, not the file: an argument or a line is being expanded. */
  private sealed = false;
  private nesting = 0;
  private includes = 0;
  private substituted = 0;
  private counter = 0;
  /** End offset of the outermost macro call in the file: `__LINE__` counts from there. */
  private callEnd = 0;
  private inDirective = false;
  private pendingFlags = 0;

  constructor(options: PreprocessOptions) {
    this.options = options;
    this.resolver = new IncludeResolver(options);
  }

  /** Reads the files in order, as if one included all; only the last one is the program. */
  run(preludes: readonly SourceFile[], main: SourceFile): void {
    const specials = lexText('');
    for (const name of SPECIALS) this.setMacro(nameId(name), specialMacro(name, false, specials));
    for (const name of SPECIAL_FUNCTIONS) this.setMacro(nameId(name), specialMacro(name, true, specials));
    try {
      for (const prelude of preludes) {
        this.enter(lex(prelude), prelude.name, -1);
        this.readAll();
      }
      this.frames.length = 0;
      const included = this.dependencies.filter((file) => !preludes.includes(file));
      this.dependencies.length = 0;
      this.enter(lex(main), main.name, -1);
      this.dependencies.push(...included);
      this.readAll();
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
    }
    const last = this.out.files.length - 1;
    this.append(
      new Tok(T.Eof, 0, Math.max(0, this.mainIndex(main, last)), main.text.length, main.text.length, LINE_START, 0),
    );
  }

  private mainIndex(main: SourceFile, last: number): number {
    for (let i = last; i >= 0; i--) if (this.out.files[i] === main) return i;
    this.out.files.push(main);
    return this.out.files.length - 1;
  }

  // ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────

  private enter(lexed: LexedFile, path: string, found: number): void {
    const fileIndex = this.indexOf(lexed);
    const { warnings } = this;
    const around = this.frames[this.frames.length - 1];
    const silent = around?.silent !== undefined || this.resolver.isSystem(found) ? warnings.flags : undefined;
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
    });
    for (const at of lexed.unknownEscapes) {
      const span = { file: lexed.file, start: at, end: at + 2 };
      this.report(say.escapeUnknown(lexed.file.text.slice(at, at + 2), span));
    }
  }

  private indexOf(lexed: LexedFile): number {
    let index = this.fileIndexes.get(lexed);
    if (index === undefined) {
      index = this.out.files.length;
      if (index > 0xffff) this.stop(say.tooManyFiles(spanAt(lexed, 0), 0xffff));
      this.out.files.push(lexed.file);
      this.fileIndexes.set(lexed, index);
    }
    return index;
  }

  /** The hot loop: everything that is no directive and no macro goes straight from the file's columns to the list's. */
  private readAll(): void {
    const { out, macros } = this;
    const floor = this.frames.length - 1;
    while (this.frames.length > floor) {
      const frame = this.frames[this.frames.length - 1]!;
      const { lexed, fileIndex } = frame;
      const { kinds, values, starts, ends, flags } = lexed;
      let i = frame.pos;
      for (;;) {
        const kind = kinds[i]!;
        const value = values[i]!;
        if (kind === T.Identifier || kind >= T.Auto) {
          if (macros[value] !== undefined) break;
        } else if (kind === T.Hash) {
          if ((flags[i]! & LINE_START) !== 0) break;
        } else if (kind === T.Eof || kind === T.Stray || value !== 0) break;
        const at = out.length;
        if (at === out.kinds.length) this.reserve();
        out.kinds[at] = kind;
        out.values[at] = value;
        out.fileIndexes[at] = fileIndex;
        out.starts[at] = starts[i]!;
        out.ends[at] = ends[i]!;
        out.origins[at] = 0;
        out.flags[at] = flags[i]! | this.pendingFlags;
        this.pendingFlags = 0;
        out.length = at + 1;
        i++;
      }
      frame.pos = i;
      const kind = kinds[i]!;
      if (kind === T.Eof) {
        this.leave(frame);
      } else if (kind === T.Hash && (flags[i]! & LINE_START) !== 0) {
        const tok = this.directive(frame, undefined);
        if (tok !== undefined) this.append(tok);
      } else {
        frame.pos = i + 1;
        const tok = this.tokAt(frame, i);
        this.callEnd = tok.end;
        if (isName(kind) && this.expand(tok)) this.drain();
        else this.append(tok);
      }
    }
  }

  private leave(frame: Frame): void {
    for (const open of frame.conditionals) this.report(say.conditionalUnterminated(open.directive, open.span));
    const { lexed } = frame;
    if (lexed.openComment >= 0)
      this.report(say.commentUnterminated({ file: lexed.file, start: lexed.openComment, end: lexed.openComment + 2 }));
    this.frames.pop();
    if (frame.silent !== undefined) this.warnings.flags = frame.silent;
    const around = this.frames[this.frames.length - 1];
    if (around !== undefined) this.markWarnings(around);
  }

  /** What was said of warnings holds from here on. */
  private markWarnings({ lexed, pos }: Frame): void {
    this.warnings.mark(lexed.file, lexed.starts[pos] ?? lexed.file.text.length);
  }

  private tokAt(frame: Frame, i: number): Tok {
    return this.tokOf(frame.lexed, frame.fileIndex, i, 0);
  }

  private tokOf(lexed: LexedFile, fileIndex: number, i: number, origin: number): Tok {
    const kind = lexed.kinds[i]!;
    let value = lexed.values[i]!;
    if (value > 0 && !isName(kind)) value = this.text(lexed.texts[value - 1]!);
    return new Tok(kind, value, fileIndex, lexed.starts[i]!, lexed.ends[i]!, lexed.flags[i]!, origin);
  }

  /** Makes a text of its own for a token; gives its value. */
  private text(text: string): number {
    this.out.texts.push(text);
    return this.out.texts.length;
  }

  private append(tok: Tok): void {
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

  private reserve(): void {
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

  // ── diagnostics ───────────────────────────────────────────────────────────────────────────────────────────────────

  private report(diagnostic: Diagnostic): void {
    this.options.diagnostics.add(diagnostic);
  }

  private stop(diagnostic: Diagnostic): never {
    this.report(diagnostic);
    throw new Stop();
  }

  /** Where the reading is, for errors about no token in particular. */
  private here(): Span {
    const frame = this.frames[this.frames.length - 1]!;
    return spanAt(frame.lexed, Math.min(frame.pos, frame.lexed.count - 1));
  }

  private spelling(tok: Tok): Span {
    return { file: this.out.files[tok.file]!, start: tok.start, end: tok.end };
  }

  private spanOf(tok: Tok): Span {
    let expansion = tok.origin > 0 ? this.out.expansions[tok.origin] : undefined;
    if (expansion === undefined) return this.spelling(tok);
    while (expansion.parent !== undefined) expansion = expansion.parent;
    return expansion.site;
  }

  private notesOf(tok: Tok) {
    return this.out.notesOf(tok.origin, this.spelling(tok));
  }

  // ── reading tokens for macros ─────────────────────────────────────────────────────────────────────────────────────

  /** The next token, not expanded; `T.Eof` at the end of the file, or of the list when sealed. */
  private next(macro: Macro | undefined): Tok {
    for (;;) {
      const context = this.contexts[this.contexts.length - 1];
      if (context === undefined) break;
      if (context.pos < context.toks.length) {
        const tok = context.toks[context.pos++]!;
        // Only the result of a macro belongs to its context; a list being expanded may be read again.
        return context.macro === undefined ? tok.copy() : tok;
      }
      this.popContext();
    }
    if (this.sealed) return EOF;
    const frame = this.frames[this.frames.length - 1]!;
    for (;;) {
      const i = frame.pos;
      const kind = frame.lexed.kinds[i]!;
      if (kind === T.Eof) return EOF;
      if (kind === T.Hash && (frame.lexed.flags[i]! & LINE_START) !== 0) {
        const pragma = this.directive(frame, macro);
        if (pragma !== undefined) return pragma;
        continue;
      }
      frame.pos = i + 1;
      return this.tokAt(frame, i);
    }
  }

  private popContext(): void {
    const context = this.contexts.pop()!;
    if (context.macro !== undefined) this.disabled.delete(context.macro);
  }

  private parenFollows(): boolean {
    for (let c = this.contexts.length - 1; c >= 0; c--) {
      const context = this.contexts[c]!;
      if (context.pos < context.toks.length) return context.toks[context.pos]!.kind === T.LParen;
    }
    if (this.sealed) return false;
    const frame = this.frames[this.frames.length - 1]!;
    return frame.lexed.kinds[frame.pos] === T.LParen;
  }

  /** Expands and appends until the contexts are used up. */
  private drain(): void {
    while (this.contexts.length > 0) {
      const context = this.contexts[this.contexts.length - 1]!;
      if (context.pos === context.toks.length) {
        this.popContext();
        continue;
      }
      const tok = context.toks[context.pos++]!;
      if (isName(tok.kind) && this.macros[tok.value] !== undefined && this.expand(tok)) continue;
      this.append(tok);
    }
  }

  /** All macros in a list of tokens expanded, as if the list were the rest of the file (6.10.3.1). */
  private expandList(toks: readonly Tok[], inCondition = false): Tok[] {
    let plain = true;
    for (const tok of toks) {
      if (isName(tok.kind) && (inCondition || this.macros[tok.value] !== undefined)) {
        plain = false;
        break;
      }
    }
    if (plain) return toks.slice();
    if (++this.nesting > MAX_NESTING) this.stop(say.nestedTooDeep('macro calls', this.spanOf(toks[0]!), MAX_NESTING));
    const { contexts, sealed, pendingFlags } = this;
    this.contexts = [{ toks, macro: undefined, pos: 0 }];
    this.sealed = true;
    this.pendingFlags = 0;
    const result: Tok[] = [];
    while (this.contexts.length > 0) {
      const context = this.contexts[this.contexts.length - 1]!;
      if (context.pos === context.toks.length) {
        this.popContext();
        continue;
      }
      const shared = context.toks[context.pos++]!;
      const tok = context.macro === undefined ? shared.copy() : shared;
      if (isName(tok.kind)) {
        if (inCondition && tok.value === DEFINED) {
          result.push(this.definedOperator(tok));
          continue;
        }
        if (this.macros[tok.value] !== undefined && this.expand(tok)) continue;
      }
      tok.flags |= this.pendingFlags;
      this.pendingFlags = 0;
      result.push(tok);
    }
    this.contexts = contexts;
    this.sealed = sealed;
    this.pendingFlags = pendingFlags;
    this.nesting--;
    return result;
  }

  /** `defined NAME` or `defined(NAME)` as the number it means; an error token when malformed. */
  private definedOperator(defined: Tok): Tok {
    let tok = this.next(undefined);
    const paren = tok.kind === T.LParen;
    if (paren) tok = this.next(undefined);
    const name = isName(tok.kind) ? tok.value : -1;
    const closed = !paren || this.next(undefined).kind === T.RParen;
    if (name < 0 || !closed) {
      this.report(
        say.conditionMalformed(
          name < 0 ? "'defined' needs the name of a macro" : "'defined(' needs a closing ')'",
          this.spanOf(defined),
          this.notesOf(defined),
        ),
      );
      return this.numberTok(defined, 0);
    }
    return this.numberTok(defined, this.isDefined(name) ? 1 : 0);
  }

  private numberTok(like: Tok, value: number): Tok {
    return this.madeTok(T.Number, String(value), like);
  }

  private madeTok(kind: number, text: string, like: Tok): Tok {
    return new Tok(kind, this.text(text), like.file, like.start, like.end, like.flags, like.origin);
  }

  private isDefined(name: number): boolean {
    return this.macros[name] !== undefined && name !== PRAGMA_OPERATOR;
  }

  // ── macros ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private setMacro(name: number, macro: Macro | undefined): void {
    // Filled without holes: reads by name number are the hottest thing here.
    while (this.macros.length <= name) this.macros.push(undefined);
    this.macros[name] = macro;
  }

  /** Expands the macro that `tok` names, if it is to be expanded; its result is read next. */
  private expand(tok: Tok): boolean {
    const macro = this.macros[tok.value];
    if (macro === undefined || (tok.flags & NO_EXPAND) !== 0) return false;
    if (this.disabled.has(macro)) {
      tok.flags |= NO_EXPAND;
      return false;
    }
    if (macro.special !== undefined) return this.expandSpecial(macro, tok);
    let args: Tok[][] | undefined;
    if (macro.params !== undefined) {
      if (!this.parenFollows()) return false;
      args = this.readArguments(macro, tok);
      if (args === undefined) return false;
    }
    const { expansions } = this.out;
    const expansion: Expansion = {
      macro: nameText(macro.name),
      site: this.spelling(tok),
      definition: definitionSpan(macro),
      parent: tok.origin > 0 ? expansions[tok.origin] : undefined,
    };
    const origin = expansions.push(expansion) - 1;
    const toks = new Substitution(this, macro, args, origin).run();
    const first = toks[0];
    if (first === undefined) {
      this.pendingFlags |= tok.flags & (SPACE_BEFORE | LINE_START);
      return true;
    }
    first.flags = (first.flags & ~(SPACE_BEFORE | LINE_START)) | (tok.flags & (SPACE_BEFORE | LINE_START));
    this.contexts.push({ toks, macro, pos: 0 });
    this.disabled.add(macro);
    return true;
  }

  /** The arguments between the parentheses that follow; undefined after an error. */
  private readArguments(macro: Macro, name: Tok): Tok[][] | undefined {
    const params = macro.params!;
    const args: Tok[][] = [];
    let arg: Tok[] = [];
    let depth = 0;
    const fromFile = this.contexts.length === 0 && !this.sealed;
    this.next(macro);
    for (;;) {
      const tok = this.next(macro);
      if (tok.kind === T.Eof) {
        this.report(say.argumentsUnterminated(nameText(macro.name), this.spanOf(name), definitionSpan(macro)));
        return undefined;
      }
      if (tok.kind === T.LParen) depth++;
      else if (tok.kind === T.RParen) {
        if (depth === 0) {
          if (fromFile || (this.contexts.length === 0 && !this.sealed)) this.callEnd = tok.end;
          break;
        }
        depth--;
      } else if (tok.kind === T.Comma && depth === 0 && !(macro.variadic && args.length === params.length - 1)) {
        args.push(arg);
        arg = [];
        continue;
      } else if (isName(tok.kind)) {
        const known = this.macros[tok.value];
        if (known !== undefined && this.disabled.has(known)) tok.flags |= NO_EXPAND;
      }
      if ((tok.flags & LINE_START) !== 0) tok.flags = (tok.flags & ~LINE_START) | SPACE_BEFORE;
      arg.push(tok);
    }
    args.push(arg);
    const given = params.length === 0 && args.length === 1 && arg.length === 0 ? 0 : args.length;
    // The variable arguments may be left out together with their comma.
    if (macro.variadic && params.length === 1 && arg.length === 0) args[0] = LEFT_OUT;
    else if (macro.variadic && given === params.length - 1) args.push(LEFT_OUT);
    else if (given !== params.length) {
      const wanted = macro.variadic ? `at least ${countOf(params.length - 1)}` : countOf(params.length);
      const span = this.spanOf(name);
      this.report(
        say.macroArguments(nameText(macro.name), given, wanted, span, definitionSpan(macro), this.notesOf(name)),
      );
      return undefined;
    }
    return args;
  }

  /** For {@link Substitution}. */
  expandArgument(toks: readonly Tok[]): Tok[] {
    return this.expandList(toks);
  }

  bodyTok(macro: Macro, index: number, origin: number): Tok {
    this.spend(1, macro);
    return this.tokOf(macro.lexed, this.indexOf(macro.lexed), index, origin);
  }

  spend(count: number, macro: Macro): void {
    this.substituted += count;
    if (this.substituted > MAX_SUBSTITUTED)
      this.stop(say.expansionTooLarge(nameText(macro.name), this.here(), MAX_SUBSTITUTED));
  }

  stringTok(toks: readonly Tok[], like: Tok): Tok {
    let text = '"';
    for (let i = 0; i < toks.length; i++) {
      const tok = toks[i]!;
      if (tok.kind === PLACEMARKER) continue;
      if (i > 0 && (tok.flags & SPACE_BEFORE) !== 0) text += ' ';
      const spelling = tokText(this.out, tok);
      text +=
        tok.kind === T.String || tok.kind === T.Char
          ? spelling.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
          : spelling;
    }
    return this.madeTok(T.String, `${text}"`, like);
  }

  /** `left ## right`; two tokens still, after an error. */
  pasteToks(left: Tok, right: Tok, origin: number): Tok[] {
    if (right.kind === PLACEMARKER) return [left];
    if (left.kind === PLACEMARKER) {
      right.flags = left.flags;
      return [right];
    }
    const leftText = tokText(this.out, left);
    const rightText = tokText(this.out, right);
    const lexed = lexText(leftText + rightText);
    if (lexed.count !== 2 || lexed.kinds[0] === T.Stray || lexed.openComment >= 0) {
      const probe = new Tok(T.Stray, 0, left.file, left.start, left.end, 0, origin);
      this.report(say.pasteInvalid(leftText, rightText, this.spanOf(probe), this.notesOf(probe)));
      return [left, right];
    }
    const kind = lexed.kinds[0]!;
    const value = isName(kind) ? lexed.values[0]! : this.text(leftText + rightText);
    return [new Tok(kind, value, left.file, left.start, left.end, left.flags & ~NO_EXPAND, origin)];
  }

  // ── macros that are built in ──────────────────────────────────────────────────────────────────────────────────────

  private expandSpecial(macro: Macro, tok: Tok): boolean {
    const name = macro.special!;
    if (name === '_Pragma') return !this.sealed && this.pragmaOperator(tok);
    let made: Tok;
    if (name === '__has_include' || name === '__has_include_next') {
      if (!this.inDirective) return false;
      made = this.numberTok(tok, this.hasInclude(macro, tok, name === '__has_include_next'));
    } else if (macro.params !== undefined) {
      if (!this.parenFollows()) return false;
      made = this.query(macro, tok);
    } else {
      made = this.madeTok(...this.specialText(name), tok);
    }
    this.contexts.push({ toks: [made], macro: undefined, pos: 0 });
    return true;
  }

  private specialText(name: string): [number, string] {
    const frame = this.frames[this.frames.length - 1]!;
    switch (name) {
      case '__LINE__':
        return [T.Number, String(positionOf(frame.lexed.file, this.callEnd).line + frame.lineDelta)];
      case '__COUNTER__':
        return [T.Number, String(this.counter++)];
      case '__INCLUDE_LEVEL__':
        return [T.Number, String(this.frames.length - 1)];
      case '__FILE__':
        return [T.String, quote(frame.presumedName ?? frame.path)];
      case '__FILE_NAME__': {
        const path = frame.presumedName ?? frame.path;
        return [T.String, quote(path.slice(path.lastIndexOf('/') + 1))];
      }
      case '__BASE_FILE__':
        return [T.String, quote(this.frames[0]!.path)];
      case '__DATE__':
        return [T.String, quote(dateText(this.options.date))];
      case '__TIME__':
        return [T.String, quote((this.options.date ?? EPOCH).toISOString().slice(11, 19))];
      case '__TIMESTAMP__': {
        const date = this.options.date ?? EPOCH;
        const text = dateText(date);
        const time = date.toISOString().slice(11, 19);
        return [T.String, quote(`${DAYS[date.getUTCDay()]} ${text.slice(0, 6)} ${time} ${text.slice(7)}`)];
      }
      default:
        throw new Error(`no built-in macro ${name}`);
    }
  }

  /** `__has_builtin(x)` and its like. */
  private query(macro: Macro, tok: Tok): Tok {
    this.next(macro);
    let text = '';
    let depth = 0;
    for (;;) {
      const part = this.next(macro);
      if (part.kind === T.Eof) {
        this.report(say.argumentsUnterminated(macro.special!, this.spanOf(tok), undefined));
        break;
      }
      if (part.kind === T.LParen) depth++;
      else if (part.kind === T.RParen && depth-- === 0) break;
      text += tokText(this.out, part);
    }
    return this.numberTok(tok, answerQuery(macro.special!, text));
  }

  private hasInclude(macro: Macro, tok: Tok, next: boolean): number {
    const bad = (message: string) => {
      this.report(say.conditionMalformed(message, this.spanOf(tok), this.notesOf(tok)));
      return 0;
    };
    if (!this.parenFollows()) return bad(`'${macro.special}' needs a header in parentheses`);
    this.next(macro);
    let toks: Tok[] = [];
    let depth = 0;
    for (;;) {
      const part = this.next(macro);
      if (part.kind === T.Eof) return bad(`'${macro.special}(' needs a closing ')'`);
      if (part.kind === T.LParen) depth++;
      else if (part.kind === T.RParen && depth-- === 0) break;
      toks.push(part);
    }
    if (toks[0] !== undefined && isName(toks[0].kind)) toks = this.expandList(toks);
    const header = this.headerOf(toks);
    if (header === undefined) return bad(`'${macro.special}' needs "FILE" or <FILE>`);
    const frame = this.frames[this.frames.length - 1]!;
    return this.resolver.exists(header.name, header.angled, frame.path, next ? frame.found : undefined) ? 1 : 0;
  }

  /** `_Pragma("…")`: read from wherever the tokens come from. */
  private pragmaOperator(tok: Tok): boolean {
    if (!this.parenFollows()) return this.badPragmaOperator(tok);
    const macro = this.macros[PRAGMA_OPERATOR]!;
    this.next(macro);
    const text = this.next(macro);
    const close = text.kind === T.String ? this.next(macro) : text;
    if (text.kind !== T.String || close.kind !== T.RParen) return this.badPragmaOperator(tok);
    const spelled = tokText(this.out, text);
    const inner = spelled
      .slice(spelled.indexOf('"') + 1, -1)
      .replaceAll('\\"', '"')
      .replaceAll('\\\\', '\\');
    const lexed = lexText(inner);
    const toks: Tok[] = [];
    for (let i = 0; i < lexed.count - 1; i++) {
      const part = this.tokOf(lexed, tok.file, i, tok.origin);
      if (!isName(part.kind) && part.value === 0) part.value = this.text(textAt(lexed, i));
      part.start = tok.start;
      part.end = tok.end;
      toks.push(part);
    }
    const made = this.pragma(toks, tok);
    if (made !== undefined) this.append(made);
    return true;
  }

  private badPragmaOperator(tok: Tok): boolean {
    this.report(say.pragmaMalformed('_Pragma needs a string in parentheses', this.spanOf(tok)));
    return true;
  }

  // ── directives ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Carries out the directive at the frame's position; gives the token of a pragma. `macro`: its arguments are being read. */
  private directive(frame: Frame, macro: Macro | undefined): Tok | undefined {
    const { lexed } = frame;
    const { kinds, values, flags } = lexed;
    const hash = frame.pos;
    let end = hash + 1;
    while ((flags[end]! & LINE_START) === 0) end++;
    frame.pos = end;
    const at = hash + 1;
    if (at === end) return undefined;
    const kind = kinds[at]!;
    if (kind === T.Number) {
      this.lineDirective(frame, at, end, true);
      return undefined;
    }
    if (!isName(kind)) {
      this.report(say.directiveUnknown(textAt(lexed, at), spanAt(lexed, at), undefined));
      return undefined;
    }
    const savedCallEnd = this.callEnd;
    this.callEnd = lexed.starts[hash]!;
    switch (values[at]) {
      case DEFINE:
        this.define(frame, at + 1, end);
        break;
      case UNDEF:
        this.undef(frame, at, end);
        break;
      case IF:
      case IFDEF:
      case IFNDEF:
        this.openConditional(frame, at, end);
        break;
      case ELIF:
      case ELIFDEF:
      case ELIFNDEF:
      case ELSE:
        this.branch(frame, at);
        break;
      case ENDIF:
        this.endif(frame, at, end);
        break;
      case INCLUDE:
      case INCLUDE_NEXT:
      case IMPORT:
        if (macro !== undefined)
          this.report(say.directiveInArguments(textAt(lexed, at), nameText(macro.name), spanAt(lexed, at)));
        else this.include(frame, at, end);
        break;
      case ERROR:
        this.report(say.errorDirective(this.lineText(lexed, at + 1, end), spanOfLine(lexed, at, end)));
        break;
      case WARNING:
        this.report(say.warningDirective(this.lineText(lexed, at + 1, end), spanOfLine(lexed, at, end)));
        break;
      case LINE:
        this.lineDirective(frame, at + 1, end, false);
        break;
      case PRAGMA: {
        const toks: Tok[] = [];
        for (let i = at + 1; i < end; i++) toks.push(this.tokAt(frame, i));
        this.callEnd = savedCallEnd;
        return this.pragma(toks, this.tokAt(frame, at));
      }
      case IDENT:
      case SCCS:
        break;
      default: {
        const name = textAt(lexed, at);
        this.report(say.directiveUnknown(name, spanAt(lexed, at), suggest(name, DIRECTIVES)));
      }
    }
    this.callEnd = savedCallEnd;
    return undefined;
  }

  private lineText(lexed: LexedFile, from: number, end: number): string {
    return from < end ? lexed.file.text.slice(lexed.starts[from]!, lexed.ends[end - 1]!) : '';
  }

  private define(frame: Frame, at: number, end: number): void {
    const made = parseDefinition(frame.lexed, at, end);
    if ('code' in made) {
      this.report(made);
      return;
    }
    const old = this.macros[made.name];
    if (old !== undefined && !sameDefinition(old, made)) {
      const span = spanAt(frame.lexed, at);
      if (old.special !== undefined) this.report(say.builtinMacroChanged(old.special, span));
      else this.report(say.macroRedefined(nameText(made.name), span, definitionSpan(old)));
    }
    this.setMacro(made.name, made);
  }

  private undef(frame: Frame, at: number, end: number): void {
    const { lexed } = frame;
    const name = at + 1;
    if (name >= end || !isName(lexed.kinds[name]!)) {
      this.report(say.macroMalformed('#undef needs the name of a macro', spanAt(lexed, at)));
      return;
    }
    if (name + 1 < end) this.report(say.extraTokens('undef', spanOfLine(lexed, name + 1, end)));
    const old = this.macros[lexed.values[name]!];
    if (old?.special !== undefined) this.report(say.builtinMacroChanged(old.special, spanAt(lexed, name)));
    if (old !== undefined) this.macros[lexed.values[name]!] = undefined;
  }

  private openConditional(frame: Frame, at: number, end: number): void {
    const { lexed } = frame;
    if (frame.conditionals.length >= MAX_CONDITIONALS)
      this.stop(say.nestedTooDeep('conditionals', spanAt(lexed, at), MAX_CONDITIONALS));
    const taken = this.condition(frame, at, end);
    frame.conditionals.push({
      directive: textAt(lexed, at),
      span: spanAt(lexed, at),
      taken,
      elseSpan: undefined,
    });
    if (!taken) this.skip(frame);
  }

  /** The truth of `#if`, `#ifdef`, `#ifndef` and their `#el…` forms. */
  private condition(frame: Frame, at: number, end: number): boolean {
    const { lexed } = frame;
    const word = lexed.values[at]!;
    if (word === IF || word === ELIF) {
      const toks: Tok[] = [];
      for (let i = at + 1; i < end; i++) toks.push(this.tokAt(frame, i));
      this.inDirective = true;
      const { errors } = this.options.diagnostics;
      const expanded = this.expandList(toks, true);
      this.inDirective = false;
      // What is left of a question that was malformed is no expression.
      if (this.options.diagnostics.errors > errors) return false;
      return evaluateCondition(expanded, {
        text: (tok) => tokText(this.out, tok),
        whole: spanOfLine(lexed, at, end),
        span: (tok) => this.spanOf(tok),
        notes: (tok) => this.notesOf(tok),
        report: (diagnostic) => this.report(diagnostic),
      });
    }
    const name = at + 1;
    const wanted = word === IFDEF || word === ELIFDEF;
    if (name >= end || !isName(lexed.kinds[name]!)) {
      this.report(
        say.conditionMalformed(
          `#${textAt(lexed, at)} needs the name of a macro`,
          spanOfLine(lexed, at, end),
          [],
          `write the name of one macro; #if takes expressions`,
        ),
      );
      return !wanted;
    }
    if (name + 1 < end) this.report(say.extraTokens(textAt(lexed, at), spanOfLine(lexed, name + 1, end)));
    return this.isDefined(lexed.values[name]!) === wanted;
  }

  /** `#else` or `#elif…` met while its group was being read, which therefore ends here. */
  private branch(frame: Frame, at: number): void {
    const open = frame.conditionals[frame.conditionals.length - 1];
    const word = textAt(frame.lexed, at);
    const span = spanAt(frame.lexed, at);
    if (open === undefined) {
      this.report(say.conditionalWithoutIf(word, span));
      return;
    }
    if (open.elseSpan !== undefined) this.report(say.conditionalAfterElse(word, span, open.elseSpan));
    else if (word === 'else') open.elseSpan = span;
    this.skip(frame);
  }

  private endif(frame: Frame, at: number, end: number): void {
    const { lexed } = frame;
    if (frame.conditionals.pop() === undefined) this.report(say.conditionalWithoutIf('endif', spanAt(lexed, at)));
    else if (at + 1 < end) this.report(say.extraTokens('endif', spanOfLine(lexed, at + 1, end)));
  }

  /** Goes from directive to directive to the next group of the innermost conditional that is to be read, or past it. */
  private skip(frame: Frame): void {
    const { lexed } = frame;
    const { directives, kinds, values, flags } = lexed;
    const open = frame.conditionals[frame.conditionals.length - 1]!;
    let depth = 0;
    for (let d = lowerBound(directives, frame.pos); d < directives.length; d++) {
      const at = directives[d]! + 1;
      if ((flags[at]! & LINE_START) !== 0 || !isName(kinds[at]!)) continue;
      const word = values[at]!;
      if (word === IF || word === IFDEF || word === IFNDEF) {
        depth++;
        continue;
      }
      if (word === ENDIF) {
        if (depth-- > 0) continue;
      } else if (depth > 0 || (word !== ELSE && word !== ELIF && word !== ELIFDEF && word !== ELIFNDEF)) continue;
      let end = at + 1;
      while ((flags[end]! & LINE_START) === 0) end++;
      frame.pos = end;
      if (word === ENDIF) {
        frame.conditionals.pop();
        return;
      }
      if (open.elseSpan !== undefined) {
        this.report(say.conditionalAfterElse(textAt(lexed, at), spanAt(lexed, at), open.elseSpan));
        continue;
      }
      if (word === ELSE) {
        open.elseSpan = spanAt(lexed, at);
        if (at + 1 < end) this.report(say.extraTokens('else', spanOfLine(lexed, at + 1, end)));
      }
      if (open.taken) continue;
      if (word === ELSE || this.condition(frame, at, end)) {
        open.taken = true;
        return;
      }
    }
    frame.pos = lexed.count - 1;
  }

  private lineDirective(frame: Frame, at: number, end: number, marker: boolean): void {
    const { lexed } = frame;
    let toks: Tok[] = [];
    for (let i = at; i < end; i++) toks.push(this.tokAt(frame, i));
    if (!marker) toks = this.expandList(toks);
    const number = toks[0];
    const digits = number?.kind === T.Number ? tokText(this.out, number) : '';
    const line = /^\d+$/.test(digits) ? Number(digits) : -1;
    const name = toks[1];
    if (line < 0 || line > 0x7fff_ffff || (name !== undefined && name.kind !== T.String)) {
      this.report(say.lineMalformed(spanOfLine(lexed, Math.min(at, end - 1), end)));
      return;
    }
    frame.lineDelta = line - positionOf(lexed.file, lexed.starts[at]!).line - 1;
    if (name !== undefined) frame.presumedName = unquote(tokText(this.out, name));
  }

  // ── include ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private include(frame: Frame, at: number, end: number): void {
    const { lexed } = frame;
    const word = textAt(lexed, at);
    const header = this.headerAt(frame, at + 1, end);
    if (header === undefined) {
      this.report(say.includeMalformed(word, spanOfLine(lexed, at, end)));
      return;
    }
    const next = word === 'include_next' ? frame.found : undefined;
    const found = this.resolver.find(header.name, header.angled, frame.path, next);
    if (found === undefined) {
      const { searched, meant } = this.resolver.advice(header.name, header.angled, frame.path);
      this.report(say.includeNotFound(header.name, header.span, searched, meant));
      return;
    }
    if (found.virtual !== undefined) {
      this.features[found.virtual] = true;
      if (found.virtual === 'vmlinux') this.defineVirtual('__VMLINUX_H__');
    }
    if (found.file === undefined) return;
    const included = lex(found.file);
    if (word === 'import') this.once.add(included);
    if (this.once.has(included) && this.fileIndexes.has(included)) return;
    if (included.guard >= 0 && this.macros[included.guard] !== undefined) return;
    if (this.frames.length > MAX_INCLUDE_DEPTH) this.stop(say.includeTooDeep(header.span, MAX_INCLUDE_DEPTH));
    if (++this.includes > MAX_INCLUDES) this.stop(say.tooManyFiles(header.span, MAX_INCLUDES));
    if (!this.includedAt.has(included.file)) this.includedAt.set(included.file, header.span);
    this.enter(included, found.path, found.index);
  }

  private defineVirtual(name: string): void {
    const lexed = lex(VMLINUX_GUARD);
    const made = parseDefinition(lexed, 2, lexed.count - 1);
    if (!('code' in made)) this.setMacro(nameId(name), made);
  }

  private headerAt(frame: Frame, at: number, end: number): { name: string; angled: boolean; span: Span } | undefined {
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
      if (after < end) this.report(say.extraTokens('include', spanOfLine(lexed, after, end)));
      return { name: text.slice(start + 1, close), angled: opener === '<', span };
    }
    const toks: Tok[] = [];
    for (let i = at; i < end; i++) toks.push(this.tokAt(frame, i));
    const header = this.headerOf(this.expandList(toks));
    return header && { ...header, span: spanOfLine(lexed, at, end) };
  }

  private headerOf(toks: readonly Tok[]): { name: string; angled: boolean } | undefined {
    const first = toks[0];
    if (first === undefined) return undefined;
    if (first.kind === T.String) {
      const text = tokText(this.out, first);
      return text.startsWith('"') && text.length > 2 ? { name: text.slice(1, -1), angled: false } : undefined;
    }
    const opener = tokText(this.out, first);
    if (!opener.startsWith('<')) return undefined;
    let name = opener.slice(1);
    for (let i = 1; i < toks.length; i++) {
      const tok = toks[i]!;
      if (tok.kind === T.Gt) return name === '' ? undefined : { name, angled: true };
      if ((tok.flags & SPACE_BEFORE) !== 0) name += ' ';
      name += tokText(this.out, tok);
    }
    return undefined;
  }

  // ── pragmas ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The token for the parser, if the pragma is one for it. */
  private pragma(toks: Tok[], at: Tok): Tok | undefined {
    const first = toks[0];
    const word = first !== undefined && isName(first.kind) ? nameText(first.value) : '';
    if (word === 'once') {
      this.once.add(this.frames[this.frames.length - 1]!.lexed);
      return undefined;
    }
    if (word === 'push_macro' || word === 'pop_macro') {
      this.macroStack(word, toks, at);
      return undefined;
    }
    const second = toks[1] === undefined ? '' : tokText(this.out, toks[1]);
    if ((word === 'GCC' || word === 'clang') && (second === 'diagnostic' || second === 'system_header')) {
      this.warningPragma(second, toks.slice(2), at);
      return undefined;
    }
    const expanded = word === 'STDC' || word === '' ? toks : [first!, ...this.expandList(toks.slice(1))];
    const read = readPragma(expanded.map((tok) => ({ kind: tok.kind, text: tokText(this.out, tok) })));
    if (read === undefined) return undefined;
    if ('problem' in read) {
      const span = this.spanOf(at);
      if (read.severity === 'error') this.report(say.errorDirective(read.problem, span));
      else if (read.severity === 'warning') this.report(say.warningDirective(read.problem, span));
      else this.report(say.pragmaMalformed(read.problem, span));
      return undefined;
    }
    const index = this.out.pragmas.push(read) - 1;
    return new Tok(T.Pragma, index, at.file, at.start, at.end, LINE_START, at.origin);
  }

  private warningPragma(word: string, toks: readonly Tok[], at: Tok): void {
    const frame = this.frames[this.frames.length - 1]!;
    if (word === 'system_header') {
      frame.silent ??= this.warnings.flags;
      this.warnings.silence();
    } else {
      const problem = this.warnings.take(toks.map((tok) => tokText(this.out, tok)));
      if (problem !== undefined) this.report(say.pragmaMalformed(problem, this.spanOf(at)));
    }
    this.markWarnings(frame);
  }

  private macroStack(word: string, toks: readonly Tok[], at: Tok): void {
    const text = toks[2];
    if (toks[1]?.kind !== T.LParen || text?.kind !== T.String || toks[3]?.kind !== T.RParen) {
      this.report(say.pragmaMalformed(`#pragma ${word} needs ("NAME")`, this.spanOf(at)));
      return;
    }
    const name = nameId(unquote(tokText(this.out, text)));
    let stack = this.savedMacros.get(name);
    if (word === 'push_macro') {
      if (stack === undefined) {
        stack = [];
        this.savedMacros.set(name, stack);
      }
      stack.push(this.macros[name]);
    } else if (stack !== undefined && stack.length > 0) {
      this.setMacro(name, stack.pop());
    }
  }
}

/** Puts the arguments into the body of a macro (6.10.3.1 to 6.10.3.3). */
class Substitution {
  private readonly owner: Preprocessor;
  private readonly macro: Macro;
  private readonly args: readonly Tok[][] | undefined;
  private readonly expanded: (Tok[] | undefined)[] = [];
  private readonly origin: number;

  constructor(owner: Preprocessor, macro: Macro, args: Tok[][] | undefined, origin: number) {
    this.owner = owner;
    this.macro = macro;
    this.args = args;
    this.origin = origin;
    // Tokens written in the file as arguments remember whose argument they are; those from macros, where they came from.
    for (const arg of args ?? []) for (const tok of arg) if (tok.origin === 0) tok.origin = -origin;
  }

  run(): Tok[] {
    const toks = this.items(this.macro.body);
    for (let i = 0; i < toks.length; i++) if (toks[i]!.kind === PLACEMARKER) return withoutPlacemarkers(toks);
    return toks;
  }

  private items(body: readonly BodyItem[]): Tok[] {
    const { owner, macro, origin } = this;
    const result: Tok[] = [];
    for (const item of body) {
      const at = result.length;
      let paste = item.paste;
      const own = owner.bodyTok(macro, item.index, origin);
      own.flags &= ~LINE_START;
      if (item.kind === 'token') {
        result.push(own);
      } else if (item.kind === 'param' && item.stringify) {
        result.push(owner.stringTok(this.args![item.param]!, own));
      } else if (item.kind === 'optional') {
        const inside = this.hasVariable() ? this.items(item.body) : [];
        if (item.stringify) result.push(owner.stringTok(inside, own));
        else this.insert(result, inside, own, item.paste || item.pasted);
      } else {
        const raw = this.args![item.param]!;
        if (item.paste && this.isVariable(item.param) && result[at - 1]?.kind === T.Comma) {
          // GNU: `, ## __VA_ARGS__` takes the comma away when the arguments are left out, and pastes nothing.
          paste = false;
          if (raw === LEFT_OUT) result.pop();
          else this.insert(result, raw, own, true);
        } else if (item.paste || item.pasted) {
          this.insert(result, raw, own, true);
        } else {
          this.insert(result, this.expandedArgument(item.param), own, false);
        }
      }
      if (paste && at > 0 && result.length > at)
        result.splice(at - 1, 2, ...owner.pasteToks(result[at - 1]!, result[at]!, origin));
    }
    return result;
  }

  private insert(result: Tok[], toks: readonly Tok[], own: Tok, mark: boolean): void {
    this.owner.spend(toks.length, this.macro);
    const at = result.length;
    for (const tok of toks) result.push(tok.copy());
    const first = result[at];
    if (first !== undefined) {
      first.flags = (first.flags & ~(SPACE_BEFORE | LINE_START)) | (own.flags & SPACE_BEFORE);
    } else if (mark || (own.flags & SPACE_BEFORE) !== 0) {
      own.kind = PLACEMARKER;
      own.value = 0;
      result.push(own);
    }
  }

  private expandedArgument(param: number): Tok[] {
    let toks = this.expanded[param];
    if (toks === undefined) {
      toks = this.owner.expandArgument(this.args![param]!);
      this.expanded[param] = toks;
    }
    return toks;
  }

  private isVariable(param: number): boolean {
    return this.macro.variadic && param === this.macro.params!.length - 1;
  }

  private hasVariable(): boolean {
    return this.expandedArgument(this.macro.params!.length - 1).length > 0;
  }
}

/** White space before what was empty goes to what comes next: `#` shows it. */
function withoutPlacemarkers(toks: readonly Tok[]): Tok[] {
  const result: Tok[] = [];
  let space = 0;
  for (const tok of toks) {
    if (tok.kind === PLACEMARKER) {
      space |= tok.flags & SPACE_BEFORE;
    } else {
      tok.flags |= space;
      space = 0;
      result.push(tok);
    }
  }
  return result;
}

/** Variable arguments that are not there at all, unlike `f(a, )`. */
const LEFT_OUT: Tok[] = [];
const EOF = new Tok(T.Eof, 0, 0, 0, 0, LINE_START, 0);
const EPOCH = new Date(0);
const MAX_CONDITIONALS = 10_000;
const VMLINUX_GUARD: SourceFile = { name: '<built-in>/vmlinux.h', text: '#define __VMLINUX_H__\n' };

const SPECIALS = [
  '__LINE__',
  '__FILE__',
  '__FILE_NAME__',
  '__BASE_FILE__',
  '__COUNTER__',
  '__INCLUDE_LEVEL__',
  '__DATE__',
  '__TIME__',
  '__TIMESTAMP__',
  '_Pragma',
];
const SPECIAL_FUNCTIONS = ['__has_include', '__has_include_next', ...QUERIES];

const DEFINED = nameId('defined');
const PRAGMA_OPERATOR = nameId('_Pragma');
const DEFINE = nameId('define');
const UNDEF = nameId('undef');
const IF = nameId('if');
const IFDEF = nameId('ifdef');
const IFNDEF = nameId('ifndef');
const ELIF = nameId('elif');
const ELIFDEF = nameId('elifdef');
const ELIFNDEF = nameId('elifndef');
const ELSE = nameId('else');
const ENDIF = nameId('endif');
const INCLUDE = nameId('include');
const INCLUDE_NEXT = nameId('include_next');
const IMPORT = nameId('import');
const ERROR = nameId('error');
const WARNING = nameId('warning');
const LINE = nameId('line');
const PRAGMA = nameId('pragma');
const IDENT = nameId('ident');
const SCCS = nameId('sccs');
const DIRECTIVES =
  'define undef if ifdef ifndef elif elifdef elifndef else endif include include_next error warning line pragma'.split(
    ' ',
  );

function lowerBound(array: Int32Array, value: number): number {
  let low = 0;
  let high = array.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (array[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function spanOfLine(lexed: LexedFile, from: number, end: number): Span {
  return { file: lexed.file, start: lexed.starts[from]!, end: lexed.ends[Math.max(from, end - 1)]! };
}

function countOf(count: number): string {
  return count === 0 ? 'no arguments' : count === 1 ? '1 argument' : `${count} arguments`;
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function unquote(text: string): string {
  return text
    .slice(text.indexOf('"') + 1, -1)
    .replaceAll('\\"', '"')
    .replaceAll('\\\\', '\\');
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const DAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ');

function dateText(date = EPOCH): string {
  return `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2, ' ')} ${date.getUTCFullYear()}`;
}
