import { parseNumber } from '../literal.ts';
import { type Pragma, T, type TokenKind } from '../token.ts';

/** A token of the pragma's line. */
export interface PragmaToken {
  readonly kind: TokenKind;
  readonly text: string;
}

export interface PragmaProblem {
  readonly problem: string;
  /** What `#pragma GCC error` and `GCC warning` ask for; otherwise the pragma itself is malformed. */
  readonly severity?: 'error' | 'warning' | undefined;
}

/** What a pragma means to the parser; undefined for those that mean nothing to it (diagnostic, poison, STDC …). */
export function readPragma(toks: readonly PragmaToken[]): Pragma | PragmaProblem | undefined {
  const first = toks[0]?.text;
  const second = toks[1]?.text;
  if (first === 'unroll') return unroll(toks, 1, 'unroll');
  if (first === 'nounroll') return { kind: 'unroll', unroll: 'disable' };
  if (first === 'pack') return pack(toks);
  if (first === 'clang' && second === 'loop') return loop(toks);
  if (first === 'clang' && second === 'attribute') return attribute(toks);
  if (first === 'GCC') {
    if (second === 'unroll') return unroll(toks, 2, 'GCC unroll');
    if (second === 'visibility') return visibility(toks);
    if (second === 'error' || second === 'warning')
      return { problem: toks[2]?.text.slice(1, -1) ?? '', severity: second };
  }
  if (first === 'message') return undefined;
  return undefined;
}

function unroll(toks: readonly PragmaToken[], at: number, name: string): Pragma | PragmaProblem {
  if (toks[at] === undefined) return { kind: 'unroll', unroll: 'full' };
  const paren = toks[at]!.text === '(';
  const count = paren ? computed(toks.slice(at)) : integer(toks[at]);
  if (count === undefined) return { problem: `#pragma ${name} takes the number of copies` };
  return { kind: 'unroll', unroll: count <= 1 ? 'disable' : count };
}

/** What sums and products of numbers come to: macros stand for `(LINES / STEP)`. Undefined for anything else. */
function computed(toks: readonly PragmaToken[]): number | undefined {
  if (toks.length > MAX_EXPRESSION) return undefined;
  let at = 0;
  const operand = (): number | undefined => {
    const tok = toks[at++];
    if (tok?.text !== '(') return integer(tok);
    const inside = binary(0);
    return toks[at++]?.text === ')' ? inside : undefined;
  };
  const binary = (least: number): number | undefined => {
    let left = operand();
    for (;;) {
      const operator = OPERATORS[toks[at]?.text ?? ''];
      if (left === undefined || operator === undefined || operator[0] < least) return left;
      at++;
      const right = binary(operator[0] + 1);
      if (right === undefined) return undefined;
      left = operator[1](left, right);
    }
  };
  const value = binary(0);
  return at === toks.length && Number.isSafeInteger(value) ? value : undefined;
}
/** Tokens, so that no input exhausts the stack. */
const MAX_EXPRESSION = 100;
const OPERATORS: Readonly<Record<string, readonly [precedence: number, (a: number, b: number) => number] | undefined>> =
  {
    '+': [1, (a, b) => a + b],
    '-': [1, (a, b) => a - b],
    '*': [2, (a, b) => a * b],
    '/': [2, (a, b) => Math.trunc(a / b)],
    '%': [2, (a, b) => a % b],
  };

function loop(toks: readonly PragmaToken[]): Pragma | PragmaProblem | undefined {
  for (let i = 2; i < toks.length; ) {
    const option = toks[i]!.text;
    if (toks[i + 1]?.text !== '(') return { problem: `#pragma clang loop ${option} needs an argument in parentheses` };
    let close = i + 2;
    for (let depth = 1; close < toks.length; close++) {
      if (toks[close]!.text === '(') depth++;
      else if (toks[close]!.text === ')' && --depth === 0) break;
    }
    const argument = toks[i + 2];
    if (option === 'unroll') {
      if (argument?.text === 'full' || argument?.text === 'disable') return { kind: 'unroll', unroll: argument.text };
      if (argument?.text === 'enable') return { kind: 'unroll', unroll: 'full' };
      return { problem: "#pragma clang loop unroll takes 'full', 'enable' or 'disable'" };
    }
    if (option === 'unroll_count') {
      const count = computed(toks.slice(i + 1, close + 1));
      if (count === undefined || count < 1)
        return { problem: '#pragma clang loop unroll_count takes a number above 0' };
      return { kind: 'unroll', unroll: count === 1 ? 'disable' : count };
    }
    i = close + 1;
  }
  return undefined;
}

function pack(toks: readonly PragmaToken[]): Pragma | PragmaProblem {
  const bad = { problem: '#pragma pack takes (), (N), (push), (push, N) or (pop), N being 1, 2, 4, 8 or 16' };
  if (toks[1]?.text !== '(' || toks[toks.length - 1]?.text !== ')') return bad;
  const parts = toks.slice(2, -1).filter((tok) => tok.text !== ',');
  let action: 'set' | 'push' | 'pop' = 'set';
  let align: number | undefined;
  for (const [i, part] of parts.entries()) {
    if (i === 0 && (part.text === 'push' || part.text === 'pop')) action = part.text;
    else if (part.kind === T.Number) {
      align = integer(part);
      if (align === undefined || ![0, 1, 2, 4, 8, 16].includes(align)) return bad;
      if (align === 0) align = undefined;
    } else if (action === 'set' || i !== 1) return bad;
  }
  return { kind: 'pack', action, align };
}

function visibility(toks: readonly PragmaToken[]): Pragma | PragmaProblem {
  if (toks[2]?.text === 'pop') return { kind: 'visibility-pop' };
  const name = toks[4]?.text;
  if (toks[2]?.text !== 'push' || toks[3]?.text !== '(' || name === undefined || toks[5]?.text !== ')')
    return { problem: '#pragma GCC visibility takes push(VISIBILITY) or pop' };
  return { kind: 'visibility-push', visibility: name };
}

/** `push (__attribute__((a, b(1))), apply_to = record)`, `any(record, function)`; `pop`. */
function attribute(toks: readonly PragmaToken[]): Pragma | PragmaProblem {
  const words = toks.map((tok) => tok.text);
  let at = 2;
  // A namespace may stand before: `name.push`.
  if (words[at + 1] === '.') at += 2;
  if (words[at] === 'pop') return { kind: 'attribute-pop' };
  const problem = { problem: '#pragma clang attribute takes push (__attribute__((NAME)), apply_to = SUBJECT) or pop' };
  if (words[at] !== 'push' || words[at + 1] !== '(') return problem;
  at += 2;
  const attributes: string[] = [];
  if (words[at] === '__attribute__' && words[at + 1] === '(' && words[at + 2] === '(') {
    at += 3;
    let text = '';
    let depth = 0;
    for (; at < words.length; at++) {
      const word = words[at]!;
      if (word === '(') depth++;
      else if (word === ')' && depth-- === 0) break;
      if (word === ',' && depth === 0) {
        attributes.push(text);
        text = '';
      } else text += text === '' ? bare(word) : word;
    }
    if (text !== '') attributes.push(text);
    at += 2;
  } else return problem;
  if (words[at] !== ',' || words[at + 1] !== 'apply_to' || words[at + 2] !== '=') return problem;
  const applyTo: string[] = [];
  let subject = '';
  let depth = 0;
  for (at += 3; at < words.length - 1; at++) {
    const word = words[at]!;
    if (word === 'any' && words[at + 1] === '(' && subject === '') {
      at++;
      continue;
    }
    if (word === ',' && depth === 0) {
      applyTo.push(subject);
      subject = '';
      continue;
    }
    if (word === '(') depth++;
    if (word === ')' && depth-- === 0) break;
    subject += word;
  }
  if (subject !== '') applyTo.push(subject);
  if (attributes.length === 0 || applyTo.length === 0) return problem;
  return { kind: 'attribute-push', attributes, applyTo };
}

function bare(name: string): string {
  return name.length > 4 && name.startsWith('__') && name.endsWith('__') ? name.slice(2, -2) : name;
}

function integer(tok: PragmaToken | undefined): number | undefined {
  if (tok?.kind !== T.Number) return undefined;
  const number = parseNumber(tok.text);
  return number.kind === 'integer' && number.value <= 0xffff_ffffn ? Number(number.value) : undefined;
}
