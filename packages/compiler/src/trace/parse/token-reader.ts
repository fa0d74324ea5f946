import { SkepError, type SourceFile, type Span } from '@skep/base';
import { tooDeep, unexpected } from '../diagnostics.ts';
import { Lexer, type Token } from '../lexer.ts';

/** Where the parser is: the token that is next, and the text behind it, of which some parts are not made of tokens. */
export class TokenReader {
  readonly file: SourceFile;
  readonly lexer: Lexer;
  /** `$1`, `$2` … in attach points and types. */
  readonly positional: readonly string[];
  token: Token = { kind: 'end', text: '', value: 0n, start: 0, end: 0 };
  /** `/` ends a predicate, where it stands at the outermost level. */
  inPredicate = false;
  private depth = 0;
  /** Where the token before ended. */
  private before = 0;

  constructor(file: SourceFile, positional: readonly string[]) {
    this.file = file;
    this.lexer = new Lexer(file);
    this.positional = positional;
  }

  /** Into something that may hold its like; {@link leave} goes out again. */
  enter(): void {
    if (++this.depth > 400) throw new SkepError(tooDeep(this.span(this.token.start, this.token.end)));
  }

  leave(): void {
    this.depth--;
  }

  advance(): void {
    this.before = this.token.end;
    this.token = this.lexer.next();
  }

  at(mark: string): boolean {
    return this.token.kind === 'mark' && this.token.text === mark;
  }

  /** Whether the token behind this one begins with `mark`. */
  peek(mark: string): boolean {
    const { position } = this.lexer;
    this.lexer.skip();
    const found = this.file.text.startsWith(mark, this.lexer.position);
    this.lexer.position = position;
    return found;
  }

  take(mark: string): boolean {
    if (!this.at(mark)) return false;
    this.advance();
    return true;
  }

  mark(mark: string): void {
    if (!this.take(mark)) this.fail(`'${mark}'`);
  }

  expect(kind: Token['kind'], what: string): Token {
    const { token } = this;
    if (token.kind !== kind) this.fail(what);
    this.advance();
    return token;
  }

  /** Behind a piece at the top level: an optional semicolon, then text again. */
  semicolon(end: number): void {
    this.lexer.position = end;
    this.lexer.skip();
    if (this.file.text[this.lexer.position] === ';') this.lexer.position++;
  }

  fail(wanted: string): never {
    const { token } = this;
    const found = token.kind === 'end' ? 'end of file' : token.kind === 'string' ? 'a string' : `'${token.text}'`;
    throw new SkepError(unexpected(found, wanted, this.span(token.start, Math.max(token.end, token.start + 1))));
  }

  span(start: number, end: number): Span {
    return { file: this.file, start, end };
  }

  /** From there to the end of what was read last. */
  from(start: number): Span {
    return this.span(start, Math.max(start, this.before));
  }
}
