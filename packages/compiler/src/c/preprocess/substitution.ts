import { lexText } from '../lexer.ts';
import { nameText } from '../names.ts';
import { LINE_START, SPACE_BEFORE, T } from '../token.ts';
import * as say from './diagnostics.ts';
import type { Expander } from './expander.ts';
import { type BodyItem, isName, type Macro } from './macro.ts';
import type { Reading } from './reading.ts';
import { LEFT_OUT, NO_EXPAND, PLACEMARKER, Tok, tokText } from './tok.ts';

/** Puts the arguments into the body of a macro (6.10.3.1 to 6.10.3.3). */
export class Substitution {
  private readonly expander: Expander;
  private readonly reading: Reading;
  private readonly budget: SubstitutionBudget;
  private readonly macro: Macro;
  private readonly args: readonly Tok[][] | undefined;
  private readonly expanded: (Tok[] | undefined)[] = [];
  private readonly origin: number;

  constructor(
    expander: Expander,
    reading: Reading,
    budget: SubstitutionBudget,
    macro: Macro,
    args: Tok[][] | undefined,
    origin: number,
  ) {
    this.expander = expander;
    this.reading = reading;
    this.budget = budget;
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
    const result: Tok[] = [];
    for (const item of body) {
      const at = result.length;
      let paste = item.paste;
      const own = this.bodyTok(item.index);
      own.flags &= ~LINE_START;
      if (item.kind === 'token') {
        result.push(own);
      } else if (item.kind === 'param' && item.stringify) {
        result.push(this.stringTok(this.args![item.param]!, own));
      } else if (item.kind === 'optional') {
        const inside = this.hasVariable() ? this.items(item.body) : [];
        if (item.stringify) result.push(this.stringTok(inside, own));
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
        result.splice(at - 1, 2, ...this.pasteToks(result[at - 1]!, result[at]!));
    }
    return result;
  }

  private insert(result: Tok[], toks: readonly Tok[], own: Tok, mark: boolean): void {
    this.budget.spend(toks.length, this.macro);
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
      toks = this.expander.expandList(this.args![param]!);
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

  private bodyTok(index: number): Tok {
    const { macro, origin } = this;
    this.budget.spend(1, macro);
    return this.reading.tokOf(macro.lexed, this.reading.indexOf(macro.lexed), index, origin);
  }

  private stringTok(toks: readonly Tok[], like: Tok): Tok {
    let text = '"';
    for (let i = 0; i < toks.length; i++) {
      const tok = toks[i]!;
      if (tok.kind === PLACEMARKER) continue;
      if (i > 0 && (tok.flags & SPACE_BEFORE) !== 0) text += ' ';
      const spelling = tokText(this.reading.out, tok);
      text +=
        tok.kind === T.String || tok.kind === T.Char
          ? spelling.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
          : spelling;
    }
    return this.reading.madeTok(T.String, `${text}"`, like);
  }

  /** `left ## right`; two tokens still, after an error. */
  private pasteToks(left: Tok, right: Tok): Tok[] {
    if (right.kind === PLACEMARKER) return [left];
    if (left.kind === PLACEMARKER) {
      right.flags = left.flags;
      return [right];
    }
    const leftText = tokText(this.reading.out, left);
    const rightText = tokText(this.reading.out, right);
    const lexed = lexText(leftText + rightText);
    if (lexed.count !== 2 || lexed.kinds[0] === T.Stray || lexed.openComment >= 0) {
      const probe = new Tok(T.Stray, 0, left.file, left.start, left.end, 0, this.origin);
      this.reading.report(
        say.pasteInvalid(leftText, rightText, this.reading.spanOf(probe), this.reading.notesOf(probe)),
      );
      return [left, right];
    }
    const kind = lexed.kinds[0]!;
    const value = isName(kind) ? lexed.values[0]! : this.reading.text(leftText + rightText);
    return [new Tok(kind, value, left.file, left.start, left.end, left.flags & ~NO_EXPAND, this.origin)];
  }
}

/** How many tokens macros may make in one unit: no honest program comes near, and no other fills the memory. */
export class SubstitutionBudget {
  private readonly reading: Reading;
  private spent = 0;

  constructor(reading: Reading) {
    this.reading = reading;
  }

  spend(count: number, macro: Macro): void {
    this.spent += count;
    if (this.spent > MAX_SUBSTITUTED)
      this.reading.stop(say.expansionTooLarge(nameText(macro.name), this.reading.here(), MAX_SUBSTITUTED));
  }
}
const MAX_SUBSTITUTED = 1 << 22;

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
