import { EXIT, SkepError, type SourceFile } from '@skep/base';
import { badSpec } from '../diagnostics.ts';
import type { Piece } from './piece.ts';
import type { Parameter, Place } from './probe.ts';
import type { Script } from './script.ts';
import { isType, typeText } from './types.ts';

/** What names in an expression of bcc's tools stand for. */
export interface Scope {
  readonly source: SourceFile;
  readonly place: Place;
  readonly parameters: readonly Parameter[];
  /** `$latency`: how long the call took. */
  readonly latency?: string;
  /** `$entry(size)`: the parameter as it was when the call began. */
  readonly entry?: (parameter: string) => string;
}

/** Adds an expression in C, as bcc's tools take it, to a script of the trace language. Throws E9014. */
export function addExpression(script: Script, piece: Piece, scope: Scope): void {
  new Translation(script, tokensOf(piece), scope).all();
}

const TOKEN =
  /\s+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)+'|0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*|\$?[A-Za-z_]\w*(?:@user)?|->|<<|>>|<=|>=|==|!=|&&|\|\||./gs;

function tokensOf(piece: Piece): Piece[] {
  return [...piece.text.matchAll(TOKEN)].map((one) => ({ text: one[0], at: piece.at + one.index }));
}

/** What bcc calls things, and the language: `$pid` is the thread, as the kernel's `pid` is. */
const NAMES: { readonly [name: string]: string } = {
  $uid: 'uid',
  $gid: 'gid',
  $pid: 'tid',
  $tgid: 'pid',
  $cpu: 'cpu',
  $task: 'curtask',
  $PID: 'pid',
  $COMM: 'comm',
  NULL: '0',
};
/** Bytes that are turned round on their way from the network. */
const SWAPS: { readonly [name: string]: string } = {
  ntohs: 'uint16',
  htons: 'uint16',
  ntohl: 'uint32',
  htonl: 'uint32',
  be64_to_cpu: 'uint64',
};
const ESCAPES: { readonly [letter: string]: number } = { n: 10, t: 9, r: 13, '0': 0, a: 7, b: 8, f: 12, v: 11 };

class Translation {
  private at = 0;
  private readonly script: Script;
  private readonly tokens: readonly Piece[];
  private readonly scope: Scope;

  constructor(script: Script, tokens: readonly Piece[], scope: Scope) {
    this.script = script;
    this.tokens = tokens.filter((one) => one.text.trim() !== '');
    this.scope = scope;
  }

  all(end = this.tokens.length): void {
    while (this.at < end) this.one();
  }

  private one(): void {
    const token = this.tokens[this.at]!;
    const { text } = token;
    const { script } = this;
    this.at += 1;
    if (/^[{};@\\#]$/.test(text)) this.refuse(token, `\`${text}\` has no place in an expression`);
    if (text === '(' && this.cast(token)) return;
    const before = this.tokens[this.at - 2]?.text;
    const isMember = before === '->' || before === '.';
    if (isMember || !/^[$\w']/.test(text)) script.from(text, token);
    else if (/^\d/.test(text)) this.put(text.replace(/[uUlL]+$/, ''), token);
    else if (text.startsWith("'")) this.put(String(this.character(token)), token);
    else this.name(token);
  }

  private name(token: Piece): void {
    const { text } = token;
    const { scope } = this;
    const [, name = '', user] = /^(.*?)(@user)?$/.exec(text)!;
    const [, number] = /^arg([1-9])$/.exec(name) ?? [];
    const wrapped = (value: string) => (user ? `uptr(${value})` : value);
    if (number !== undefined) this.put(wrapped(scope.place.argument(Number(number))), token);
    else if (name === 'retval' || name === '$retval') this.put(wrapped(scope.place.result), token);
    else if (scope.parameters.some((one) => one.name === name)) this.put(wrapped(`$${name}`), token);
    else if (name === '$latency') this.put(scope.latency ?? this.onlyReturns(token), token);
    else if (name === '$entry') this.entry(token);
    else if (name === 'STRCMP') this.compare(token);
    else if (/^(bpf_)?(ntoh|hton|be64_to_cpu)/.test(name)) this.swap(token, name.replace('bpf_', ''));
    else if (name.startsWith('$') && !(name in NAMES)) this.refuse(token, `\`${name}\` is not known`);
    else this.put(NAMES[name] ?? name, token);
  }

  private put(text: string, token: Piece): void {
    this.script.from(` ${text} `, token);
  }

  /** `(char *)x`. */
  private cast(token: Piece): boolean {
    const close = this.tokens.findIndex((one, i) => i >= this.at && one.text === ')');
    const next = this.tokens[close + 1]?.text;
    if (close < 0 || next === undefined || !/^[\w$(*&!~"'-]/.test(next)) return false;
    const words = this.tokens
      .slice(this.at, close)
      .map((one) => one.text)
      .join(' ');
    if (!isType(words)) return false;
    this.put(`(${typeText(words)})`, token);
    this.at = close + 1;
    return true;
  }

  /** `$entry(size)`. */
  private entry(token: Piece): void {
    const [open, name, close] = this.tokens.slice(this.at, this.at + 3);
    if (open?.text !== '(' || close?.text !== ')') this.refuse(token, '`$entry` wants a parameter: $entry(size)');
    this.at += 3;
    this.put(this.scope.entry?.(name!.text) ?? this.onlyReturns(token), token);
  }

  /** `STRCMP("text", arg1)`: whether they are the same. */
  private compare(token: Piece): void {
    const [open, text, comma] = this.tokens.slice(this.at, this.at + 3);
    const close = this.closing(this.at);
    if (open?.text !== '(' || !text?.text.startsWith('"') || comma?.text !== ',' || close < 0) {
      this.refuse(token, '`STRCMP` wants a text and a pointer: STRCMP("test.txt", arg1)');
    }
    this.script.from(`(${text!.text} == str(`, token);
    this.at += 3;
    this.all(close);
    this.at = close + 1;
    this.script.from('))', token);
  }

  private swap(token: Piece, name: string): void {
    const close = this.closing(this.at);
    if (close < 0) this.refuse(token, `\`${name}\` wants a value between parentheses`);
    this.script.from(`bswap((${SWAPS[name] ?? 'uint64'})`, token);
    this.all(close + 1);
    this.script.from(')', token);
  }

  /** The parenthesis that closes the one at an index; -1 when there is none. */
  private closing(at: number): number {
    let depth = 0;
    for (let i = at; i < this.tokens.length; i++) {
      const { text } = this.tokens[i]!;
      if (text === '(') depth += 1;
      else if (text === ')' && --depth === 0) return i;
      if (depth === 0) return -1;
    }
    return -1;
  }

  private character(token: Piece): number {
    const [, escaped, plain] = /^'(?:\\(.)|([^\\]))'$/s.exec(token.text) ?? [];
    if (escaped === undefined && plain === undefined) this.refuse(token, `${token.text} is not one character`);
    return escaped === undefined ? plain!.codePointAt(0)! : (ESCAPES[escaped] ?? escaped.codePointAt(0)!);
  }

  private onlyReturns(token: Piece): never {
    return this.refuse(token, `\`${token.text}\` is known only where a function returns: write r instead of p`);
  }

  private refuse(token: Piece, message: string): never {
    const span = { file: this.scope.source, start: token.at, end: token.at + token.text.length };
    throw new SkepError(
      badSpec(message, span, 'expressions are those of C, with arg1 to arg6, retval, $pid, $uid and the parameters'),
      EXIT.usage,
    );
  }
}
