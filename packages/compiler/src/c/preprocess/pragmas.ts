import { lexText } from '../lexer.ts';
import { nameId, nameText } from '../names.ts';
import { LINE_START, T } from '../token.ts';
import * as say from './diagnostics.ts';
import type { Expander } from './expander.ts';
import type { Inclusion } from './inclusion.ts';
import { isName, type Macro, textAt } from './macro.ts';
import type { MacroTable } from './macro-table.ts';
import { readPragma } from './pragma.ts';
import type { Reading } from './reading.ts';
import { Tok, tokText, unquote } from './tok.ts';

/** `#pragma` and `_Pragma`: what they say to the preprocessor is done, what they say to the parser becomes a token. */
export class Pragmas {
  private readonly reading: Reading;
  private readonly macros: MacroTable;
  private readonly expander: Expander;
  private readonly inclusion: Inclusion;

  constructor(reading: Reading, macros: MacroTable, expander: Expander, inclusion: Inclusion) {
    this.reading = reading;
    this.macros = macros;
    this.expander = expander;
    this.inclusion = inclusion;
  }

  /** The token for the parser, if the pragma is one for it. */
  directive(toks: Tok[], at: Tok): Tok | undefined {
    const first = toks[0];
    const word = first !== undefined && isName(first.kind) ? nameText(first.value) : '';
    if (word === 'once') {
      this.inclusion.onlyOnce();
      return undefined;
    }
    if (word === 'push_macro' || word === 'pop_macro') {
      this.macroStack(word, toks, at);
      return undefined;
    }
    const second = toks[1] === undefined ? '' : tokText(this.reading.out, toks[1]);
    if ((word === 'GCC' || word === 'clang') && (second === 'diagnostic' || second === 'system_header')) {
      this.warningPragma(second, toks.slice(2), at);
      return undefined;
    }
    const expanded = word === 'STDC' || word === '' ? toks : [first!, ...this.expander.expandList(toks.slice(1))];
    const read = readPragma(expanded.map((tok) => ({ kind: tok.kind, text: tokText(this.reading.out, tok) })));
    if (read === undefined) return undefined;
    if ('problem' in read) {
      const span = this.reading.spanOf(at);
      if (read.severity === 'error') this.reading.report(say.errorDirective(read.problem, span));
      else if (read.severity === 'warning') this.reading.report(say.warningDirective(read.problem, span));
      else this.reading.report(say.pragmaMalformed(read.problem, span));
      return undefined;
    }
    const index = this.reading.out.pragmas.push(read) - 1;
    return new Tok(T.Pragma, index, at.file, at.start, at.end, LINE_START, at.origin);
  }

  /** `_Pragma("…")`, read from wherever the tokens come from; macros may make the string. */
  operator(macro: Macro, tok: Tok): boolean {
    if (!this.expander.parenFollows()) return this.badOperator(tok);
    this.expander.next(macro);
    const operand: Tok[] = [];
    for (let depth = 0; ; ) {
      const part = this.expander.next(macro);
      if (part.kind === T.Eof) return this.badOperator(tok);
      if (part.kind === T.LParen) depth++;
      else if (part.kind === T.RParen && depth-- === 0) break;
      operand.push(part);
    }
    const [text, ...more] = this.expander.expandList(operand);
    if (text?.kind !== T.String || more.length > 0) return this.badOperator(tok);
    const lexed = lexText(unquote(tokText(this.reading.out, text)));
    const toks: Tok[] = [];
    for (let i = 0; i < lexed.count - 1; i++) {
      const part = this.reading.tokOf(lexed, tok.file, i, tok.origin);
      if (!isName(part.kind) && part.value === 0) part.value = this.reading.text(textAt(lexed, i));
      part.start = tok.start;
      part.end = tok.end;
      toks.push(part);
    }
    const made = this.directive(toks, tok);
    if (made !== undefined) this.reading.append(made);
    return true;
  }

  private badOperator(tok: Tok): boolean {
    this.reading.report(say.pragmaMalformed('_Pragma needs a string in parentheses', this.reading.spanOf(tok)));
    return true;
  }

  private warningPragma(word: string, toks: readonly Tok[], at: Tok): void {
    const frame = this.reading.frame;
    if (word === 'system_header') {
      frame.silent ??= this.reading.warnings.flags;
      this.reading.warnings.silence();
    } else {
      const problem = this.reading.warnings.take(toks.map((tok) => tokText(this.reading.out, tok)));
      if (problem !== undefined) this.reading.report(say.pragmaMalformed(problem, this.reading.spanOf(at)));
    }
    this.reading.markWarnings(frame);
  }

  private macroStack(word: string, toks: readonly Tok[], at: Tok): void {
    const text = toks[2];
    if (toks[1]?.kind !== T.LParen || text?.kind !== T.String || toks[3]?.kind !== T.RParen) {
      this.reading.report(say.pragmaMalformed(`#pragma ${word} needs ("NAME")`, this.reading.spanOf(at)));
      return;
    }
    const name = nameId(unquote(tokText(this.reading.out, text)));
    if (word === 'push_macro') this.macros.push(name);
    else this.macros.pop(name);
  }
}
