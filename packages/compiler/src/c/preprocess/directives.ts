import { positionOf, suggest } from '@skep/base';
import type { LexedFile } from '../lexer.ts';
import { nameText } from '../names.ts';
import { LINE_START, T } from '../token.ts';
import type { Conditionals } from './conditionals.ts';
import * as say from './diagnostics.ts';
import {
  DEFINE,
  ELIF,
  ELIFDEF,
  ELIFNDEF,
  ELSE,
  ENDIF,
  ERROR,
  IDENT,
  IF,
  IFDEF,
  IFNDEF,
  IMPORT,
  INCLUDE,
  INCLUDE_NEXT,
  LINE,
  PRAGMA,
  SCCS,
  UNDEF,
  WARNING,
} from './directive-names.ts';
import type { Expander } from './expander.ts';
import type { Inclusion } from './inclusion.ts';
import {
  definitionSpan,
  isName,
  type Macro,
  parseDefinition,
  sameDefinition,
  spanAt,
  spanOfLine,
  strayArguments,
  textAt,
} from './macro.ts';
import type { MacroTable } from './macro-table.ts';
import type { Pragmas } from './pragmas.ts';
import type { Frame, Reading } from './reading.ts';
import { type Tok, tokText, unquote } from './tok.ts';

/** Lines that begin with `#` (C11 6.10). */
export class Directives {
  private readonly reading: Reading;
  private readonly macros: MacroTable;
  private readonly expander: Expander;
  private readonly inclusion: Inclusion;
  private readonly pragmas: Pragmas;
  private readonly conditionals: Conditionals;

  constructor(
    reading: Reading,
    macros: MacroTable,
    expander: Expander,
    inclusion: Inclusion,
    pragmas: Pragmas,
    conditionals: Conditionals,
  ) {
    this.reading = reading;
    this.macros = macros;
    this.expander = expander;
    this.inclusion = inclusion;
    this.pragmas = pragmas;
    this.conditionals = conditionals;
  }

  /** Carries out the directive at the frame's position; gives the token of a pragma. `macro`: its arguments are being read. */
  carryOut(frame: Frame, macro: Macro | undefined): Tok | undefined {
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
      this.line(frame, at, end, true);
      return undefined;
    }
    if (!isName(kind)) {
      this.reading.report(say.directiveUnknown(textAt(lexed, at), spanAt(lexed, at), undefined));
      return undefined;
    }
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
        this.conditionals.open(frame, at, end);
        break;
      case ELIF:
      case ELIFDEF:
      case ELIFNDEF:
      case ELSE:
        this.conditionals.branch(frame, at);
        break;
      case ENDIF:
        this.conditionals.endif(frame, at, end);
        break;
      case INCLUDE:
      case INCLUDE_NEXT:
      case IMPORT:
        if (macro !== undefined)
          this.reading.report(say.directiveInArguments(textAt(lexed, at), nameText(macro.name), spanAt(lexed, at)));
        else this.inclusion.include(frame, at, end);
        break;
      case ERROR:
        this.reading.report(say.errorDirective(lineText(lexed, at + 1, end), spanOfLine(lexed, at, end)));
        break;
      case WARNING:
        this.reading.report(say.warningDirective(lineText(lexed, at + 1, end), spanOfLine(lexed, at, end)));
        break;
      case LINE:
        this.line(frame, at + 1, end, false);
        break;
      case PRAGMA: {
        const toks: Tok[] = [];
        for (let i = at + 1; i < end; i++) toks.push(this.reading.tokAt(frame, i));
        return this.pragmas.directive(toks, this.reading.tokAt(frame, at));
      }
      case IDENT:
      case SCCS:
        break;
      default: {
        const name = textAt(lexed, at);
        this.reading.report(say.directiveUnknown(name, spanAt(lexed, at), suggest(name, DIRECTIVES)));
      }
    }
    return undefined;
  }

  private define(frame: Frame, at: number, end: number): void {
    const made = parseDefinition(frame.lexed, at, end);
    if ('code' in made) {
      this.reading.report(made);
      return;
    }
    const stray = strayArguments(made);
    if (stray !== undefined) this.reading.report(say.argumentsStray(stray));
    const old = this.macros.byName[made.name];
    if (old !== undefined && !sameDefinition(old, made)) {
      const span = spanAt(frame.lexed, at);
      if (old.special !== undefined) this.reading.report(say.builtinMacroChanged(old.special, span));
      else this.reading.report(say.macroRedefined(nameText(made.name), span, definitionSpan(old)));
    }
    this.macros.set(made.name, made);
  }

  private undef(frame: Frame, at: number, end: number): void {
    const { lexed } = frame;
    const name = at + 1;
    if (name >= end || !isName(lexed.kinds[name]!)) {
      this.reading.report(say.macroMalformed('#undef needs the name of a macro', spanAt(lexed, at)));
      return;
    }
    if (name + 1 < end) this.reading.report(say.extraTokens('undef', spanOfLine(lexed, name + 1, end)));
    const old = this.macros.byName[lexed.values[name]!];
    if (old?.special !== undefined) this.reading.report(say.builtinMacroChanged(old.special, spanAt(lexed, name)));
    if (old !== undefined) this.macros.byName[lexed.values[name]!] = undefined;
  }

  private line(frame: Frame, at: number, end: number, marker: boolean): void {
    const { lexed } = frame;
    let toks: Tok[] = [];
    for (let i = at; i < end; i++) toks.push(this.reading.tokAt(frame, i));
    if (!marker) toks = this.expander.expandList(toks);
    const number = toks[0];
    const digits = number?.kind === T.Number ? tokText(this.reading.out, number) : '';
    const line = /^\d+$/.test(digits) ? Number(digits) : -1;
    const name = toks[1];
    if (line < 0 || line > 0x7fff_ffff || (name !== undefined && name.kind !== T.String)) {
      this.reading.report(say.lineMalformed(spanOfLine(lexed, Math.min(at, end - 1), end)));
      return;
    }
    frame.lineDelta = line - positionOf(lexed.file, lexed.starts[at]!).line - 1;
    if (name !== undefined) frame.presumedName = unquote(tokText(this.reading.out, name));
  }
}

const DIRECTIVES =
  'define undef if ifdef ifndef elif elifdef elifndef else endif include include_next error warning line pragma'.split(
    ' ',
  );

function lineText(lexed: LexedFile, from: number, end: number): string {
  return from < end ? lexed.file.text.slice(lexed.starts[from]!, lexed.ends[end - 1]!) : '';
}
