import { positionOf } from '@skep/base';
import { T } from '../token.ts';
import * as say from './diagnostics.ts';
import type { Expander } from './expander.ts';
import { answerQuery, QUERIES } from './has.ts';
import type { Inclusion } from './inclusion.ts';
import { isName, type Macro } from './macro.ts';
import type { Pragmas } from './pragmas.ts';
import type { Reading } from './reading.ts';
import { type Tok, tokText } from './tok.ts';

export const SPECIAL_OBJECTS = [
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
export const SPECIAL_FUNCTIONS = ['__has_include', '__has_include_next', ...QUERIES];

/** The macros that are built in: `__LINE__`, `_Pragma`, `__has_include` and their like. */
export class SpecialMacros {
  /** An `#if` is being evaluated: only there headers are asked for. */
  inCondition = false;
  private readonly reading: Reading;
  private readonly expander: Expander;
  private readonly inclusion: Inclusion;
  private readonly pragmas: Pragmas;
  private counter = 0;

  constructor(reading: Reading, expander: Expander, inclusion: Inclusion, pragmas: Pragmas) {
    this.reading = reading;
    this.expander = expander;
    this.inclusion = inclusion;
    this.pragmas = pragmas;
  }

  /** Its result is read next; false where the name stays as it is. */
  expand(macro: Macro, tok: Tok): boolean {
    const name = macro.special!;
    if (name === '_Pragma') return !this.expander.sealed && this.pragmas.operator(macro, tok);
    let made: Tok;
    if (name === '__has_include' || name === '__has_include_next') {
      if (!this.inCondition) return false;
      made = this.reading.numberTok(tok, this.hasInclude(macro, tok, name === '__has_include_next'));
    } else if (macro.params !== undefined) {
      if (!this.expander.parenFollows()) return false;
      made = this.query(macro, tok);
    } else {
      made = this.reading.madeTok(...this.textOf(name, tok), tok);
    }
    this.expander.readNext([made]);
    return true;
  }

  private textOf(name: string, tok: Tok): [number, string] {
    const frame = this.reading.frame;
    switch (name) {
      case '__LINE__':
        return [T.Number, String(positionOf(frame.lexed.file, this.reading.lineOffsetOf(tok)).line + frame.lineDelta)];
      case '__COUNTER__':
        return [T.Number, String(this.counter++)];
      case '__INCLUDE_LEVEL__':
        return [T.Number, String(this.reading.frames.length - 1)];
      case '__FILE__':
        return [T.String, quote(frame.presumedName ?? frame.path)];
      case '__FILE_NAME__': {
        const path = frame.presumedName ?? frame.path;
        return [T.String, quote(path.slice(path.lastIndexOf('/') + 1))];
      }
      case '__BASE_FILE__':
        return [T.String, quote(this.reading.frames[0]!.path)];
      case '__DATE__':
        return [T.String, quote(dateText(this.reading.options.date))];
      case '__TIME__':
        return [T.String, quote((this.reading.options.date ?? EPOCH).toISOString().slice(11, 19))];
      case '__TIMESTAMP__': {
        const date = this.reading.options.date ?? EPOCH;
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
    this.expander.next(macro);
    let text = '';
    let depth = 0;
    for (;;) {
      const part = this.expander.next(macro);
      if (part.kind === T.Eof) {
        this.reading.report(say.argumentsUnterminated(macro.special!, this.reading.spanOf(tok), undefined));
        break;
      }
      if (part.kind === T.LParen) depth++;
      else if (part.kind === T.RParen && depth-- === 0) break;
      text += tokText(this.reading.out, part);
    }
    return this.reading.numberTok(tok, answerQuery(macro.special!, text));
  }

  private hasInclude(macro: Macro, tok: Tok, next: boolean): number {
    const bad = (message: string) => {
      this.reading.report(say.conditionMalformed(message, this.reading.spanOf(tok), this.reading.notesOf(tok)));
      return 0;
    };
    if (!this.expander.parenFollows()) return bad(`'${macro.special}' needs a header in parentheses`);
    this.expander.next(macro);
    let toks: Tok[] = [];
    let depth = 0;
    for (;;) {
      const part = this.expander.next(macro);
      if (part.kind === T.Eof) return bad(`'${macro.special}(' needs a closing ')'`);
      if (part.kind === T.LParen) depth++;
      else if (part.kind === T.RParen && depth-- === 0) break;
      toks.push(part);
    }
    if (toks[0] !== undefined && isName(toks[0].kind)) toks = this.expander.expandList(toks);
    const header = this.inclusion.headerOf(toks);
    if (header === undefined) return bad(`'${macro.special}' needs "FILE" or <FILE>`);
    return this.inclusion.exists(header, next) ? 1 : 0;
  }
}

const EPOCH = new Date(0);
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const DAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ');

function dateText(date = EPOCH): string {
  return `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2, ' ')} ${date.getUTCFullYear()}`;
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
