import { nameId, nameText } from '../names.ts';
import { type Expansion, LINE_START, SPACE_BEFORE, T } from '../token.ts';
import * as say from './diagnostics.ts';
import { definitionSpan, isName, type Macro } from './macro.ts';
import type { MacroTable } from './macro-table.ts';
import type { Frame, Reading } from './reading.ts';
import { Substitution, SubstitutionBudget } from './substitution.ts';
import { LEFT_OUT, NO_EXPAND, Tok } from './tok.ts';

/** What the tokens of a macro call may lead to besides macros. */
export interface ExpanderHooks {
  /** Carries out the directive at the frame's position, amid a macro's arguments; gives the token of a pragma. */
  readonly directive: (frame: Frame, macro: Macro | undefined) => Tok | undefined;
  /** Expands one of the macros that are built in; false where the name stays as it is. */
  readonly special: (macro: Macro, tok: Tok) => boolean;
}

/**
 * Expands macros (C11 6.10.3). Macros are disabled while their result is being read and names met then are painted for
 * ever, as gcc and clang do (6.10.3.4).
 */
export class Expander {
  private readonly reading: Reading;
  private readonly macros: MacroTable;
  private readonly hooks: ExpanderHooks;
  private readonly budget: SubstitutionBudget;
  private readonly disabled = new Set<Macro>();
  private contexts: Context[] = [];
  /** Only the contexts are read, not the file: an argument or a line is being expanded. */
  sealed = false;
  private nesting = 0;
  /** The parenthesis behind the arguments that were read last. */
  private closing = EOF;

  constructor(reading: Reading, macros: MacroTable, hooks: ExpanderHooks) {
    this.reading = reading;
    this.macros = macros;
    this.hooks = hooks;
    this.budget = new SubstitutionBudget(reading);
  }

  /** Tokens that are read next, as they are. */
  readNext(toks: readonly Tok[]): void {
    this.contexts.push({ toks, macro: undefined, pos: 0 });
  }

  /** The next token, not expanded; `T.Eof` at the end of the file, or of the list when sealed. */
  next(macro: Macro | undefined): Tok {
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
    const frame = this.reading.frame;
    for (;;) {
      const i = frame.pos;
      const kind = frame.lexed.kinds[i]!;
      if (kind === T.Eof) return EOF;
      if (kind === T.Hash && (frame.lexed.flags[i]! & LINE_START) !== 0) {
        const pragma = this.hooks.directive(frame, macro);
        if (pragma !== undefined) return pragma;
        continue;
      }
      frame.pos = i + 1;
      return this.reading.tokAt(frame, i);
    }
  }

  parenFollows(): boolean {
    for (let c = this.contexts.length - 1; c >= 0; c--) {
      const context = this.contexts[c]!;
      if (context.pos < context.toks.length) return context.toks[context.pos]!.kind === T.LParen;
    }
    if (this.sealed) return false;
    const frame = this.reading.frame;
    return frame.lexed.kinds[frame.pos] === T.LParen;
  }

  /** Expands and appends until the contexts are used up. */
  drain(): void {
    while (this.contexts.length > 0) {
      const context = this.contexts[this.contexts.length - 1]!;
      if (context.pos === context.toks.length) {
        this.popContext();
        continue;
      }
      const tok = context.toks[context.pos++]!;
      if (isName(tok.kind) && this.macros.byName[tok.value] !== undefined && this.expand(tok)) continue;
      this.reading.append(tok);
    }
  }

  /** All macros in a list of tokens expanded, as if the list were the rest of the file (6.10.3.1). */
  expandList(toks: readonly Tok[], inCondition = false): Tok[] {
    let plain = true;
    for (const tok of toks) {
      if (isName(tok.kind) && (inCondition || this.macros.byName[tok.value] !== undefined)) {
        plain = false;
        break;
      }
    }
    if (plain) return toks.slice();
    if (++this.nesting > MAX_NESTING)
      this.reading.stop(say.nestedTooDeep('macro calls', this.reading.spanOf(toks[0]!), MAX_NESTING));
    const { contexts, sealed } = this;
    const { pendingFlags } = this.reading;
    this.contexts = [{ toks, macro: undefined, pos: 0 }];
    this.sealed = true;
    this.reading.pendingFlags = 0;
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
        if (this.macros.byName[tok.value] !== undefined && this.expand(tok)) continue;
      }
      tok.flags |= this.reading.pendingFlags;
      this.reading.pendingFlags = 0;
      result.push(tok);
    }
    this.contexts = contexts;
    this.sealed = sealed;
    this.reading.pendingFlags = pendingFlags;
    this.nesting--;
    return result;
  }

  /** Expands the macro that `tok` names, if it is to be expanded; its result is read next. */
  expand(tok: Tok): boolean {
    const macro = this.macros.byName[tok.value];
    if (macro === undefined || (tok.flags & NO_EXPAND) !== 0) return false;
    if (this.disabled.has(macro)) {
      tok.flags |= NO_EXPAND;
      return false;
    }
    if (macro.special !== undefined) return this.hooks.special(macro, tok);
    let args: Tok[][] | undefined;
    if (macro.params !== undefined) {
      if (!this.parenFollows()) return false;
      args = this.readArguments(macro, tok);
      if (args === undefined) return false;
    }
    const { expansions } = this.reading.out;
    const expansion: Expansion = {
      macro: nameText(macro.name),
      site: this.reading.spelling(tok),
      definition: definitionSpan(macro),
      parent: tok.origin > 0 ? expansions[tok.origin] : undefined,
      end: endInFile(args === undefined ? tok : this.closing),
    };
    const origin = expansions.push(expansion) - 1;
    const toks = new Substitution(this, this.reading, this.budget, macro, args, origin).run();
    const first = toks[0];
    if (first === undefined) {
      this.reading.pendingFlags |= tok.flags & (SPACE_BEFORE | LINE_START);
      return true;
    }
    first.flags = (first.flags & ~(SPACE_BEFORE | LINE_START)) | (tok.flags & (SPACE_BEFORE | LINE_START));
    this.contexts.push({ toks, macro, pos: 0 });
    this.disabled.add(macro);
    return true;
  }

  /** `defined NAME` or `defined(NAME)` as the number it means; an error token when malformed. */
  private definedOperator(defined: Tok): Tok {
    let tok = this.next(undefined);
    const paren = tok.kind === T.LParen;
    if (paren) tok = this.next(undefined);
    const name = isName(tok.kind) ? tok.value : -1;
    const closed = !paren || this.next(undefined).kind === T.RParen;
    if (name < 0 || !closed) {
      this.reading.report(
        say.conditionMalformed(
          name < 0 ? "'defined' needs the name of a macro" : "'defined(' needs a closing ')'",
          this.reading.spanOf(defined),
          this.reading.notesOf(defined),
        ),
      );
      return this.reading.numberTok(defined, 0);
    }
    return this.reading.numberTok(defined, this.macros.isDefined(name) ? 1 : 0);
  }

  /** The arguments between the parentheses that follow; undefined after an error. */
  private readArguments(macro: Macro, name: Tok): Tok[][] | undefined {
    const params = macro.params!;
    const args: Tok[][] = [];
    let arg: Tok[] = [];
    let depth = 0;
    this.next(macro);
    for (;;) {
      const tok = this.next(macro);
      if (tok.kind === T.Eof) {
        this.reading.report(
          say.argumentsUnterminated(nameText(macro.name), this.reading.spanOf(name), definitionSpan(macro)),
        );
        return undefined;
      }
      if (tok.kind === T.LParen) depth++;
      else if (tok.kind === T.RParen) {
        if (depth === 0) {
          this.closing = tok;
          break;
        }
        depth--;
      } else if (tok.kind === T.Comma && depth === 0 && !(macro.variadic && args.length === params.length - 1)) {
        args.push(arg);
        arg = [];
        continue;
      } else if (isName(tok.kind)) {
        const known = this.macros.byName[tok.value];
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
      const span = this.reading.spanOf(name);
      this.reading.report(
        say.macroArguments(
          nameText(macro.name),
          given,
          wanted,
          span,
          definitionSpan(macro),
          this.reading.notesOf(name),
        ),
      );
      return undefined;
    }
    return args;
  }

  private popContext(): void {
    const context = this.contexts.pop()!;
    if (context.macro !== undefined) this.disabled.delete(context.macro);
  }
}

/** Tokens that are read before the file goes on: the result of a macro, which stays disabled until they are used up. */
interface Context {
  readonly toks: readonly Tok[];
  readonly macro: Macro | undefined;
  pos: number;
}

/** Bound that no honest program comes near, so that no input exhausts the stack. */
const MAX_NESTING = 250;
const EOF = new Tok(T.Eof, 0, 0, 0, 0, LINE_START, 0);
const DEFINED = nameId('defined');

function endInFile(tok: Tok): number {
  return tok.origin > 0 ? -1 : tok.end;
}

function countOf(count: number): string {
  return count === 0 ? 'no arguments' : count === 1 ? '1 argument' : `${count} arguments`;
}
