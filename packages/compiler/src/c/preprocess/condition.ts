import type { Diagnostic, DiagnosticNote, Span } from '@skep/base';
import { charValue, parseNumber } from '../literal.ts';
import { T, type TokenKind } from '../token.ts';
import { conditionDivision, conditionMalformed } from './diagnostics.ts';
import { isName } from './macro.ts';
import type { Tok } from './tok.ts';

/** How the evaluator sees the tokens of the line and says what is wrong. */
export interface ConditionContext {
  text(tok: Tok): string;
  span(tok: Tok): Span;
  notes(tok: Tok): DiagnosticNote[];
  readonly whole: Span;
  report(diagnostic: Diagnostic): void;
}

/**
 * The truth of the expression of `#if` (C11 6.10.1): macros are expanded and `defined` answered already, names that are
 * left are 0, all arithmetic has 64 bits, unsigned when an operand is. False after an error, which is reported.
 */
export function evaluateCondition(toks: readonly Tok[], context: ConditionContext): boolean {
  const evaluator = new Evaluator(toks, context);
  try {
    return evaluator.run().value !== 0n;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    context.report(error.diagnostic);
    return false;
  }
}

interface Value {
  /** Within 64 bits, as {@link unsigned} says. */
  readonly value: bigint;
  readonly unsigned: boolean;
}

class Malformed extends Error {
  readonly diagnostic: Diagnostic;
  constructor(diagnostic: Diagnostic) {
    super(diagnostic.message);
    this.diagnostic = diagnostic;
  }
}

const MAX_DEPTH = 200;
const ZERO: Value = { value: 0n, unsigned: false };

/** Of binary operators; a higher one binds tighter. */
const PRECEDENCE = new Map<TokenKind, number>([
  [T.OrOr, 1],
  [T.AndAnd, 2],
  [T.Or, 3],
  [T.Xor, 4],
  [T.And, 5],
  [T.EqEq, 6],
  [T.NotEq, 6],
  [T.Lt, 7],
  [T.Gt, 7],
  [T.Le, 7],
  [T.Ge, 7],
  [T.Shl, 8],
  [T.Shr, 8],
  [T.Plus, 9],
  [T.Minus, 9],
  [T.Star, 10],
  [T.Slash, 10],
  [T.Percent, 10],
]);

class Evaluator {
  private readonly toks: readonly Tok[];
  private readonly context: ConditionContext;
  private at = 0;
  private depth = 0;

  constructor(toks: readonly Tok[], context: ConditionContext) {
    this.toks = toks;
    this.context = context;
  }

  run(): Value {
    if (this.toks.length === 0)
      throw new Malformed(conditionMalformed('#if without an expression', this.context.whole));
    const value = this.conditional(true);
    const rest = this.toks[this.at];
    if (rest !== undefined) this.fail(`'${this.context.text(rest)}' does not continue the expression`);
    return value;
  }

  private kind(): TokenKind {
    return this.toks[this.at]?.kind ?? T.Eof;
  }

  private fail(message: string, help?: string): never {
    const tok = this.toks[this.at];
    throw new Malformed(
      tok === undefined
        ? conditionMalformed(message, this.context.whole)
        : conditionMalformed(message, this.context.span(tok), this.context.notes(tok), help),
    );
  }

  /** `live`: not in a branch that is not taken, where division by zero is allowed. */
  private conditional(live: boolean): Value {
    if (++this.depth > MAX_DEPTH) this.fail(`the expression is nested more than ${MAX_DEPTH} deep`);
    let value = this.binary(1, live);
    if (this.kind() === T.Question) {
      this.at++;
      const truth = value.value !== 0n;
      const then = this.conditional(live && truth);
      if (this.kind() !== T.Colon) this.fail("'?' without ':'");
      this.at++;
      const otherwise = this.conditional(live && !truth);
      const unsigned = then.unsigned || otherwise.unsigned;
      value = wrap((truth ? then : otherwise).value, unsigned);
    }
    this.depth--;
    return value;
  }

  private binary(least: number, live: boolean): Value {
    let left = this.unary(live);
    for (;;) {
      const op = this.toks[this.at];
      const precedence = op === undefined ? undefined : PRECEDENCE.get(op.kind);
      if (op === undefined || precedence === undefined || precedence < least) return left;
      this.at++;
      if (op.kind === T.AndAnd || op.kind === T.OrOr) {
        const decided = (left.value !== 0n) === (op.kind === T.OrOr);
        const right = this.binary(precedence + 1, live && !decided);
        const truth =
          op.kind === T.OrOr ? left.value !== 0n || right.value !== 0n : left.value !== 0n && right.value !== 0n;
        left = truthOf(truth);
      } else {
        left = this.apply(op, left, this.binary(precedence + 1, live), live);
      }
    }
  }

  private apply(op: Tok, left: Value, right: Value, live: boolean): Value {
    const unsigned = left.unsigned || right.unsigned;
    const a = wrap(left.value, unsigned).value;
    const b = wrap(right.value, unsigned).value;
    switch (op.kind) {
      case T.Or:
        return wrap(a | b, unsigned);
      case T.Xor:
        return wrap(a ^ b, unsigned);
      case T.And:
        return wrap(a & b, unsigned);
      case T.EqEq:
        return truthOf(a === b);
      case T.NotEq:
        return truthOf(a !== b);
      case T.Lt:
        return truthOf(a < b);
      case T.Gt:
        return truthOf(a > b);
      case T.Le:
        return truthOf(a <= b);
      case T.Ge:
        return truthOf(a >= b);
      case T.Shl:
      case T.Shr:
        return shift(op.kind === T.Shl, left, right);
      case T.Plus:
        return wrap(a + b, unsigned);
      case T.Minus:
        return wrap(a - b, unsigned);
      case T.Star:
        return wrap(a * b, unsigned);
      default:
        if (b === 0n) {
          if (!live) return { value: 0n, unsigned };
          throw new Malformed(conditionDivision(this.context.span(op), this.context.notes(op)));
        }
        return wrap(op.kind === T.Slash ? a / b : a % b, unsigned);
    }
  }

  private unary(live: boolean): Value {
    const tok = this.toks[this.at];
    if (tok === undefined) this.fail('the expression ends too early');
    if (++this.depth > MAX_DEPTH) this.fail(`the expression is nested more than ${MAX_DEPTH} deep`);
    this.at++;
    let value: Value;
    switch (tok.kind) {
      case T.Plus:
        value = this.unary(live);
        break;
      case T.Minus: {
        const operand = this.unary(live);
        value = wrap(-operand.value, operand.unsigned);
        break;
      }
      case T.Tilde: {
        const operand = this.unary(live);
        value = wrap(~operand.value, operand.unsigned);
        break;
      }
      case T.Not:
        value = truthOf(this.unary(live).value === 0n);
        break;
      case T.LParen:
        value = this.conditional(live);
        if (this.kind() !== T.RParen) this.fail("missing ')'");
        this.at++;
        break;
      case T.Number:
        value = this.number(tok);
        break;
      case T.Char: {
        const char = charValue(this.context.text(tok));
        if (char.kind === 'error') {
          this.at--;
          this.fail(char.message);
        }
        value = { value: char.value, unsigned: false };
        break;
      }
      default: {
        this.at--;
        if (!isName(tok.kind)) this.fail(`'${this.context.text(tok)}' is no operand of a preprocessor expression`);
        if (this.toks[this.at + 1]?.kind === T.LParen)
          this.fail(
            `'${this.context.text(tok)}' is not a macro that takes arguments`,
            'define it, or include the header that does, before this line',
          );
        this.at++;
        value = ZERO;
      }
    }
    this.depth--;
    return value;
  }

  private number(tok: Tok): Value {
    const number = parseNumber(this.context.text(tok));
    if (number.kind === 'integer' && number.value < 1n << 64n) {
      const unsigned = number.unsigned || number.value >= 1n << 63n;
      return { value: number.value, unsigned };
    }
    this.at--;
    if (number.kind === 'error') this.fail(number.message);
    this.fail(
      number.kind === 'float' ? 'a floating number in a preprocessor expression' : 'the number needs more than 64 bits',
    );
  }
}

function wrap(value: bigint, unsigned: boolean): Value {
  return { value: unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value), unsigned };
}

function truthOf(truth: boolean): Value {
  return { value: truth ? 1n : 0n, unsigned: false };
}

/** A negative count shifts the other way and too large ones give what shifting bit by bit would, as in clang. */
function shift(toLeft: boolean, left: Value, right: Value): Value {
  const negative = !right.unsigned && right.value < 0n;
  const by = negative ? -right.value : right.value;
  const count = by > 64n ? 64n : by;
  return wrap(toLeft !== negative ? left.value << count : left.value >> count, left.unsigned);
}
