import { LINE_START } from '../token.ts';
import { evaluateCondition } from './condition.ts';
import * as say from './diagnostics.ts';
import { ELIF, ELIFDEF, ELIFNDEF, ELSE, ENDIF, IF, IFDEF, IFNDEF } from './directive-names.ts';
import type { Expander } from './expander.ts';
import { isName, spanAt, spanOfLine, textAt } from './macro.ts';
import type { MacroTable } from './macro-table.ts';
import type { Frame, Reading } from './reading.ts';
import type { SpecialMacros } from './special.ts';
import { type Tok, tokText } from './tok.ts';

/** `#if` to `#endif`: which groups of lines are read. */
export class Conditionals {
  private readonly reading: Reading;
  private readonly macros: MacroTable;
  private readonly expander: Expander;
  private readonly special: SpecialMacros;

  constructor(reading: Reading, macros: MacroTable, expander: Expander, special: SpecialMacros) {
    this.reading = reading;
    this.macros = macros;
    this.expander = expander;
    this.special = special;
  }

  open(frame: Frame, at: number, end: number): void {
    const { lexed } = frame;
    if (frame.conditionals.length >= MAX_CONDITIONALS)
      this.reading.stop(say.nestedTooDeep('conditionals', spanAt(lexed, at), MAX_CONDITIONALS));
    const taken = this.condition(frame, at, end);
    frame.conditionals.push({
      directive: textAt(lexed, at),
      span: spanAt(lexed, at),
      taken,
      elseSpan: undefined,
    });
    if (!taken) this.skip(frame);
  }

  /** `#else` or `#elif…` met while its group was being read, which therefore ends here. */
  branch(frame: Frame, at: number): void {
    const open = frame.conditionals[frame.conditionals.length - 1];
    const word = textAt(frame.lexed, at);
    const span = spanAt(frame.lexed, at);
    if (open === undefined) {
      this.reading.report(say.conditionalWithoutIf(word, span));
      return;
    }
    if (open.elseSpan !== undefined) this.reading.report(say.conditionalAfterElse(word, span, open.elseSpan));
    else if (word === 'else') open.elseSpan = span;
    this.skip(frame);
  }

  endif(frame: Frame, at: number, end: number): void {
    const { lexed } = frame;
    if (frame.conditionals.pop() === undefined)
      this.reading.report(say.conditionalWithoutIf('endif', spanAt(lexed, at)));
    else if (at + 1 < end) this.reading.report(say.extraTokens('endif', spanOfLine(lexed, at + 1, end)));
  }

  /** The truth of `#if`, `#ifdef`, `#ifndef` and their `#el…` forms. */
  private condition(frame: Frame, at: number, end: number): boolean {
    const { lexed } = frame;
    const word = lexed.values[at]!;
    if (word === IF || word === ELIF) {
      const toks: Tok[] = [];
      for (let i = at + 1; i < end; i++) toks.push(this.reading.tokAt(frame, i));
      this.special.inCondition = true;
      const { errors } = this.reading.options.diagnostics;
      const expanded = this.expander.expandList(toks, true);
      this.special.inCondition = false;
      // What is left of a question that was malformed is no expression.
      if (this.reading.options.diagnostics.errors > errors) return false;
      return evaluateCondition(expanded, {
        text: (tok) => tokText(this.reading.out, tok),
        whole: spanOfLine(lexed, at, end),
        span: (tok) => this.reading.spanOf(tok),
        notes: (tok) => this.reading.notesOf(tok),
        report: (diagnostic) => this.reading.report(diagnostic),
      });
    }
    const name = at + 1;
    const wanted = word === IFDEF || word === ELIFDEF;
    if (name >= end || !isName(lexed.kinds[name]!)) {
      this.reading.report(
        say.conditionMalformed(
          `#${textAt(lexed, at)} needs the name of a macro`,
          spanOfLine(lexed, at, end),
          [],
          `write the name of one macro; #if takes expressions`,
        ),
      );
      return !wanted;
    }
    if (name + 1 < end) this.reading.report(say.extraTokens(textAt(lexed, at), spanOfLine(lexed, name + 1, end)));
    return this.macros.isDefined(lexed.values[name]!) === wanted;
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
      frame.skipped.push(frame.pos, end);
      frame.pos = end;
      if (word === ENDIF) {
        frame.conditionals.pop();
        return;
      }
      if (open.elseSpan !== undefined) {
        this.reading.report(say.conditionalAfterElse(textAt(lexed, at), spanAt(lexed, at), open.elseSpan));
        continue;
      }
      if (word === ELSE) {
        open.elseSpan = spanAt(lexed, at);
        if (at + 1 < end) this.reading.report(say.extraTokens('else', spanOfLine(lexed, at + 1, end)));
      }
      if (open.taken) continue;
      if (word === ELSE || this.condition(frame, at, end)) {
        open.taken = true;
        return;
      }
    }
    frame.pos = lexed.count - 1;
  }
}

/** Bound that no honest program comes near. */
const MAX_CONDITIONALS = 10_000;

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
