import { SkepError, type SourceFile, type Span } from '@skep/base';
import type {
  BinaryOperator,
  BlockNode,
  Expression,
  MacroNode,
  MapDeclaration,
  ProbeNode,
  Script,
  Statement,
  TypeName,
  UnaryOperator,
} from './ast.ts';
import { tooDeep, unexpected, unterminated } from './diagnostics.ts';
import { endOfLine, Lexer, nameEnd, type Token } from './lexer.ts';

type Block = BlockNode & { readonly span: Span };
type Variable = Extract<Expression, { kind: 'variable' }>;

export interface ParseOptions {
  /** `$1`, `$2` … in attach points. */
  readonly positional: readonly string[];
}

/** Parses a script. Throws SkepError with E150x. */
export function parseScript(file: SourceFile, options: ParseOptions): Script {
  return new Parser(file, options).script();
}

class Parser {
  private readonly file: SourceFile;
  private readonly lexer: Lexer;
  private readonly options: ParseOptions;
  private token: Token;
  private depth = 0;

  constructor(file: SourceFile, options: ParseOptions) {
    this.file = file;
    this.lexer = new Lexer(file);
    this.options = options;
    this.token = { kind: 'end', text: '', value: 0n, start: 0, end: 0 };
  }

  script(): Script {
    const definitions: { text: string; span: Span }[] = [];
    const config: { name: string; value: string; span: Span }[] = [];
    const imports: { path: string; span: Span }[] = [];
    const macros: MacroNode[] = [];
    const maps: MapDeclaration[] = [];
    const probes: ProbeNode[] = [];
    for (;;) {
      this.lexer.skip();
      const { position } = this.lexer;
      const rest = this.file.text.slice(position, position + 32);
      if (rest === '') break;
      if (rest[0] === '#' || (/^(struct|union|enum|typedef)\b/.test(rest) && probes.length === 0))
        definitions.push(this.definition());
      else if (/^config\s*=/.test(rest)) {
        this.advance();
        config.push(...this.config());
      } else if (/^import\b/.test(rest)) {
        this.advance();
        const start = this.token.start;
        this.advance();
        const path = this.expect('string', 'a path in quotes');
        imports.push({ path: path.text, span: this.from(start) });
        this.semicolon(path.end);
      } else if (/^macro\b/.test(rest)) {
        this.advance();
        macros.push(this.macro());
      } else if (/^let\b/.test(rest)) {
        this.advance();
        maps.push(this.mapDeclaration());
      } else probes.push(this.probe());
    }
    return { definitions, config, imports, macros, maps, probes };
  }

  // Text in between, which is not made of tokens.

  /** A preprocessor line, or a C type up to its end. */
  private definition(): { text: string; span: Span } {
    const { text } = this.file;
    const start = this.lexer.position;
    if (text[start] === '#') {
      let end = endOfLine(text, start);
      while (text[end - 1] === '\\') end = endOfLine(text, end + 1);
      this.lexer.position = end;
      return { text: text.slice(start, end), span: this.span(start, end) };
    }
    let depth = 0;
    let at = start;
    for (; ; at++) {
      if (at >= text.length) throw new SkepError(unterminated('the definition', this.span(start, start + 6)));
      if (text[at] === '{') depth++;
      else if (text[at] === '}') {
        depth--;
        if (depth === 0) {
          at++;
          break;
        }
      } else if (text[at] === ';' && depth === 0) break;
    }
    // Behind it: attributes, the name of a typedef, a semicolon that may be missing.
    this.lexer.position = at;
    const behind = () => {
      this.lexer.skip();
      return text.slice(this.lexer.position);
    };
    let end = at;
    for (;;) {
      const rest = behind();
      if (rest.startsWith(';')) {
        end = ++this.lexer.position;
        break;
      }
      const attribute = /^__attribute__(\s|\/\*.*?\*\/)*\(\((?:[^()]|\([^()]*\))*\)\)/s.exec(rest);
      const name = /^typedef\b/.test(text.slice(start)) ? /^\w+(?=\s*;)/.exec(rest) : null;
      const skipped = attribute ?? name;
      if (!skipped) break;
      this.lexer.position += skipped[0].length;
      end = this.lexer.position;
    }
    this.lexer.position = end;
    return { text: text.slice(start, end), span: this.span(start, end) };
  }

  private config(): { name: string; value: string; span: Span }[] {
    this.advance();
    this.mark('=');
    this.mark('{');
    const found: { name: string; value: string; span: Span }[] = [];
    while (!this.at('}')) {
      const name = this.expect('name', 'the name of an option');
      this.mark('=');
      const { token } = this;
      if (token.kind !== 'int' && token.kind !== 'name' && token.kind !== 'string') this.fail('a value');
      this.advance();
      found.push({ name: name.text, value: token.text, span: this.span(name.start, token.end) });
      if (!this.take(';') && !this.take(',')) break;
    }
    if (!this.at('}')) this.fail('}');
    // What follows is read as text again.
    this.lexer.position = this.token.end;
    return found;
  }

  private macro(): MacroNode {
    const start = this.token.start;
    this.advance();
    const name = this.expect('name', 'the name of the macro').text;
    const params: { kind: 'variable' | 'map' | 'expression'; name: string }[] = [];
    if (this.take('(')) {
      while (!this.at(')')) {
        const { token } = this;
        if (token.kind === 'variable' || token.kind === 'map') params.push({ kind: token.kind, name: token.text });
        else if (token.kind === 'name') params.push({ kind: 'expression', name: token.text });
        else this.fail('a parameter');
        this.advance();
        if (!this.take(',')) break;
      }
      this.mark(')');
    }
    const body = this.block(true);
    return { name, params, body, span: this.span(start, body.span.end) };
  }

  private mapDeclaration(): MapDeclaration {
    const start = this.token.start;
    this.advance();
    const name = this.expect('map', 'the name of a map').text;
    this.mark('=');
    const mapType = this.expect('name', 'a kind of map').text;
    this.mark('(');
    const entries = this.expression();
    if (!this.at(')')) this.fail(')');
    const end = this.token.end;
    this.semicolon(end);
    return { name, mapType, entries, span: this.span(start, end) };
  }

  private probe(): ProbeNode {
    const start = this.lexer.position;
    const attachPoints = this.attachPoints();
    let predicate: Expression | undefined;
    this.advance();
    if (this.at('/')) {
      this.advance();
      predicate = this.predicate();
      this.mark('/');
    }
    const body = this.block(true);
    return { attachPoints, predicate, body, span: this.span(start, body.span.end) };
  }

  /** Up to `{`, or `/` of a predicate. A slash inside belongs to a path, where the kind of probe has one. */
  private attachPoints(): { text: string; span: Span }[] {
    const { text } = this.file;
    const found: { text: string; span: Span }[] = [];
    for (;;) {
      this.lexer.skip();
      const start = this.lexer.position;
      let at = start;
      let quoted = false;
      for (; at < text.length; at++) {
        const c = text[at]!;
        if (c === '\\' && quoted) at++;
        else if (c === '"') quoted = !quoted;
        else if (quoted) continue;
        else if (/[\s,{]/.test(c)) break;
        else if (c === '/' && (text[at + 1] === '*' || text[at + 1] === '/') && !/[:/]\S*$/.test(text.slice(start, at)))
          break;
        else if (
          c === '/' &&
          !/^([\w$]*=)?(u|ur|U|uprobe|uretprobe|usdt|w|watchpoint|asyncwatchpoint|it|iter|\$\d+)\b/.test(
            text.slice(start, at),
          )
        )
          break;
      }
      if (at === start)
        throw new SkepError(
          unexpected(text[at] ? `'${text[at]}'` : 'end of file', 'a probe', this.span(start, start + 1)),
        );
      const written = text.slice(start, at);
      const filled = written.replace(/\$(\d+)/g, (_, n: string) => this.options.positional[Number(n) - 1] ?? '');
      found.push({ text: withoutQuotes(filled.replace(/^\w+=(?=\w)/, '')), span: this.span(start, at) });
      this.lexer.position = at;
      this.lexer.skip();
      if (text[this.lexer.position] !== ',') return found;
      this.lexer.position++;
    }
  }

  // Statements

  /** `outermost`: what follows is text again, so the next token is not to be read. */
  private block(outermost = false): Block {
    const start = this.token.start;
    this.enter();
    if (!this.at('{')) this.fail("'{'");
    this.advance();
    const statements: Statement[] = [];
    let value: Expression | undefined;
    while (!this.at('}')) {
      if (this.token.kind === 'end') this.fail("'}'");
      if (this.take(';')) continue;
      const statement = this.statement();
      if (this.at('}') && statement.kind === 'expression') value = statement.value;
      else {
        statements.push(statement);
        if (!ENDS_ITSELF(statement) && !this.at('}') && !this.take(';')) this.fail("';'");
      }
    }
    const end = this.token.end;
    if (outermost) this.lexer.position = end;
    else this.advance();
    this.depth--;
    return { kind: 'block', statements, value, span: this.span(start, end) };
  }

  private statement(): Statement {
    const start = this.token.start;
    const name = this.token.kind === 'name' ? this.token.text : '';
    switch (name) {
      case 'let':
        return this.letStatement();
      case 'unroll': {
        this.advance();
        const parenthesis = this.take('(');
        const count = this.expression();
        if (parenthesis) this.mark(')');
        const body = this.block();
        return { kind: 'unroll', count, body, span: this.from(start) };
      }
      case 'while': {
        this.advance();
        this.mark('(');
        const condition = this.expression();
        this.mark(')');
        const body = this.block();
        return { kind: 'while', condition, body, span: this.from(start) };
      }
      case 'for':
        return this.forStatement();
      case 'break':
      case 'continue':
        this.advance();
        return { kind: name, span: this.from(start) };
      case 'return': {
        this.advance();
        const value = this.at(';') || this.at('}') ? undefined : this.expression();
        return { kind: 'return', value, span: this.from(start) };
      }
      case 'import': {
        this.advance();
        const path = this.expect('string', 'a path in quotes').text;
        return { kind: 'import', path, span: this.from(start) };
      }
      case '_':
        if (this.peek('=')) {
          this.advance();
          this.advance();
          const value = this.expression();
          return {
            kind: 'assign',
            target: { kind: 'name', name: '_', span: this.span(start, start + 1) },
            op: undefined,
            value,
            span: this.from(start),
          };
        }
    }
    const target = this.expression();
    const assignment = this.token.kind === 'mark' ? ASSIGNMENTS.get(this.token.text) : undefined;
    if (assignment === undefined) return { kind: 'expression', value: target, span: target.span };
    this.advance();
    const value = this.expression();
    return { kind: 'assign', target, op: assignment || undefined, value, span: this.from(start) };
  }

  private letStatement(): Statement {
    const start = this.token.start;
    this.advance();
    const token = this.expect('variable', 'a variable');
    const variable: Variable = { kind: 'variable', name: token.text, span: this.span(token.start, token.end) };
    const declared = this.take(':') ? this.typeName() : undefined;
    const value = this.take('=') ? this.expression() : undefined;
    return { kind: 'let', variable, declared, value, span: this.from(start) };
  }

  private forStatement(): Statement {
    const start = this.token.start;
    this.advance();
    const parenthesis = this.take('(');
    const token = this.expect('variable', 'a variable');
    const variable: Variable = { kind: 'variable', name: token.text, span: this.span(token.start, token.end) };
    this.mark(':');
    const first = this.unary();
    const over: Extract<Statement, { kind: 'for' }>['over'] = this.take('..')
      ? { kind: 'range', from: first, to: this.unary() }
      : { kind: 'map', map: first };
    if (parenthesis) this.mark(')');
    const body = this.block();
    return { kind: 'for', variable, over, body, span: this.from(start) };
  }

  // Expressions

  private expression(): Expression {
    this.enter();
    const { start } = this.token;
    const condition = this.binary(0);
    let result = condition;
    if (this.take('?:'))
      result = {
        kind: 'conditional',
        condition,
        consequent: undefined,
        otherwise: this.expression(),
        span: this.from(start),
      };
    else if (this.take('?')) {
      if (this.take(':'))
        result = {
          kind: 'conditional',
          condition,
          consequent: undefined,
          otherwise: this.expression(),
          span: this.from(start),
        };
      else {
        const consequent = this.expression();
        this.mark(':');
        result = { kind: 'conditional', condition, consequent, otherwise: this.expression(), span: this.from(start) };
      }
    }
    this.depth--;
    return result;
  }

  /** Inside a predicate, `/` ends it at the outermost level: division wants parentheses there. */
  private predicate(): Expression {
    this.inPredicate = true;
    const value = this.expression();
    this.inPredicate = false;
    return value;
  }
  private inPredicate = false;

  private binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.unary();
    const { start } = this.token;
    let left = this.binary(level + 1);
    while (this.token.kind === 'mark' && operators.includes(this.token.text as BinaryOperator)) {
      if (this.token.text === '/' && this.inPredicate && this.endsPredicate()) break;
      const op = this.token.text as BinaryOperator;
      this.advance();
      const right = this.binary(level + 1);
      left = { kind: 'binary', op, left, right, span: this.from(start) };
    }
    return left;
  }

  /** The `/` in front of `{`. */
  private endsPredicate(): boolean {
    const { position } = this.lexer;
    this.lexer.skip();
    const brace = this.file.text[this.lexer.position] === '{';
    this.lexer.position = position;
    return brace;
  }

  private unary(): Expression {
    this.enter();
    const result = this.unaryInside();
    this.depth--;
    return result;
  }

  private unaryInside(): Expression {
    const { start, text, kind } = this.token;
    if (kind === 'mark') {
      if (text === '++' || text === '--') {
        this.advance();
        const operand = this.unary();
        return { kind: 'step', op: text, prefix: true, operand, span: this.from(start) };
      }
      if (UNARY.has(text)) {
        this.advance();
        const operand = this.unary();
        if (text === '-' && operand.kind === 'int')
          return { ...operand, value: -operand.value, text: `-${operand.text}`, span: this.from(start) };
        return { kind: 'unary', op: text as UnaryOperator, operand, span: this.from(start) };
      }
      if (text === '&&') {
        this.advance();
        const inner: Expression = { kind: 'unary', op: '&', operand: this.unary(), span: this.from(start + 1) };
        return { kind: 'unary', op: '&', operand: inner, span: this.from(start) };
      }
      if (text === '(' && this.startsCast()) {
        this.advance();
        const to = this.typeName();
        this.mark(')');
        const operand = this.unary();
        return { kind: 'cast', to, operand, span: this.from(start) };
      }
    }
    if (kind === 'name' && text === 'comptime') {
      this.advance();
      const operand = this.unary();
      return { kind: 'comptime', operand, span: this.from(start) };
    }
    return this.postfix();
  }

  /** Whether `(` begins a cast: a type, `)`, and something that can be cast. */
  private startsCast(): boolean {
    const { text } = this.file;
    let at = this.token.end;
    const skip = () => {
      while (/\s/.test(text[at] ?? '')) at++;
    };
    skip();
    const tag = /^(struct|union|enum)\s+\w+/.exec(text.slice(at, at + 200));
    let known = false;
    if (tag) {
      at += tag[0].length;
      known = true;
    } else if (/^typeof\s*\(/.test(text.slice(at, at + 20))) {
      at = text.indexOf('(', at);
      let depth = 0;
      do {
        if (text[at] === '(') depth++;
        else if (text[at] === ')') depth--;
        at++;
      } while (depth > 0 && at < text.length);
      known = true;
    } else {
      const words = /^(const\s+)?((unsigned|signed|long|short|int|char)\b\s*)+/.exec(text.slice(at, at + 100));
      if (words && words[0].trim() !== '') {
        at += words[0].length;
        known = true;
      } else {
        const end = nameEnd(text, at);
        const name = text.slice(at, end);
        if (!/^[A-Za-z_]/.test(name)) return false;
        known = TYPE_NAMES.has(name);
        at = end;
      }
    }
    let modified = false;
    for (;;) {
      skip();
      if (text[at] === '*') at++;
      else if (text[at] === '[') {
        const inside = /^\[\s*\w*\s*\]/.exec(text.slice(at, at + 30));
        if (!inside) return false;
        at += inside[0].length;
      } else break;
      modified = true;
    }
    if (text[at] !== ')') return false;
    at++;
    skip();
    if (known) return true;
    const rest = text.slice(at, at + 8);
    // `(name) * x` multiplies; `(name *)x` casts.
    if (modified) return /^[\w$@("\-&*!~{]/.test(rest);
    return /^(\*(arg|\$|@|\()|[A-Za-z_$@0-9("])/.test(rest);
  }

  private postfix(): Expression {
    let value = this.primary();
    for (;;) {
      const { token } = this;
      if (token.kind !== 'mark') return value;
      if (token.text === '.' || token.text === '->') {
        this.advance();
        const name = this.token;
        if (name.kind !== 'name' && name.kind !== 'int') this.fail('the name of a field');
        this.advance();
        for (const [i, part] of (name.kind === 'int' ? [name.text] : [name.text]).entries()) {
          value = {
            kind: 'member',
            base: value,
            name: part,
            nameSpan: this.span(name.start + i, name.end),
            span: this.from(value.span.start),
          };
        }
      } else if (token.text === '[') {
        this.advance();
        const items = this.list(']');
        this.mark(']');
        const span = this.from(value.span.start);
        const key: Expression = items.length === 1 ? items[0]! : { kind: 'tuple', items, span };
        if (value.kind === 'map') value = { kind: 'element', map: value, key, span };
        else value = { kind: 'index', base: value, index: key, span };
      } else if (token.text === '++' || token.text === '--') {
        this.advance();
        value = { kind: 'step', op: token.text, prefix: false, operand: value, span: this.from(value.span.start) };
      } else return value;
    }
  }

  private list(close: string): Expression[] {
    const items: Expression[] = [];
    while (!this.at(close)) {
      items.push(this.argument());
      if (!this.take(',')) break;
    }
    return items;
  }

  /** An argument may also be a type, `struct foo`, in calls that take types. */
  private argument(): Expression {
    const { start } = this.token;
    if (this.token.kind === 'name' && /^(struct|union|enum)$/.test(this.token.text)) {
      const of = this.typeName();
      return { kind: 'typeof', of, span: this.from(start) };
    }
    return this.expression();
  }

  private primary(): Expression {
    const { token } = this;
    const { start, text, kind } = token;
    switch (kind) {
      case 'int':
        this.advance();
        return { kind: 'int', value: token.value, text, span: this.from(start) };
      case 'string':
        this.advance();
        return { kind: 'string', value: this.moreText(text), span: this.from(start) };
      case 'variable':
        this.advance();
        return { kind: 'variable', name: text, span: this.from(start) };
      case 'map':
        this.advance();
        return { kind: 'map', name: text, span: this.from(start) };
      case 'positional':
        this.advance();
        return { kind: 'positional', index: Number(text.slice(1)), span: this.from(start) };
      case 'count':
        this.advance();
        return { kind: 'positionalCount', span: this.from(start) };
      case 'name':
        return this.named();
      case 'mark':
        if (text === '(') return this.parenthesis();
        if (text === '{') return this.block();
    }
    return this.fail('an expression');
  }

  /** `"a" "b"` is one string. */
  private moreText(first: string): string {
    let value = first;
    while (this.token.kind === 'string') {
      value += this.token.text;
      this.advance();
    }
    return value;
  }

  private named(): Expression {
    const { start, text } = this.token;
    this.advance();
    switch (text) {
      case 'true':
      case 'false':
        return { kind: 'bool', value: text === 'true', span: this.from(start) };
      case 'if':
        return this.ifExpression(start);
      case 'sizeof':
      case 'typeinfo': {
        const of = this.typeArgument();
        return { kind: text, of, span: this.from(start) };
      }
      case 'typeof': {
        const of = this.typeArgument();
        const type: TypeName =
          of.kind === 'type'
            ? of
            : { kind: 'type', base: undefined, typeofExpression: of, modifiers: [], span: of.span };
        return { kind: 'typeof', of: type, span: this.from(start) };
      }
      case 'offsetof': {
        this.mark('(');
        const of = this.typeOrExpression();
        this.mark(',');
        const path = [this.expect('name', 'the name of a field').text];
        while (this.take('.')) path.push(this.expect('name', 'the name of a field').text);
        this.mark(')');
        return { kind: 'offsetof', of, path, span: this.from(start) };
      }
    }
    // `name!(…)` is the older way to call a macro.
    if (this.at('!') && this.peek('(')) this.advance();
    if (!this.take('(')) return { kind: 'name', name: text, span: this.from(start) };
    const args = this.list(')');
    this.mark(')');
    return { kind: 'call', name: text, args, span: this.from(start) };
  }

  private ifExpression(start: number): Expression {
    const condition = this.expression();
    const consequent = this.block();
    let otherwise: Expression | undefined;
    if (this.token.kind === 'name' && this.token.text === 'else') {
      this.advance();
      otherwise = this.otherwise();
    }
    return { kind: 'ifElse', condition, consequent, otherwise, span: this.from(start) };
  }

  private otherwise(): Expression {
    const { start, kind, text } = this.token;
    if (kind !== 'name' || text !== 'if') return this.block();
    this.advance();
    return this.ifExpression(start);
  }

  private typeArgument(): TypeName | Expression {
    this.mark('(');
    const of = this.typeOrExpression();
    this.mark(')');
    return of;
  }

  /** A bare name is a type here; a name with a call, a variable and so on are expressions. */
  private typeOrExpression(): TypeName | Expression {
    if (this.token.kind !== 'name') return this.expression();
    const { text } = this.token;
    if (/^(struct|union|enum|unsigned|signed|const)$/.test(text)) return this.typeName();
    if (text === 'typeof') return this.typeName();
    if (/^(true|false|if|comptime|sizeof|offsetof|typeinfo)$/.test(text)) return this.expression();
    const rest = this.file.text.slice(this.token.end, this.token.end + 100);
    if (/^\s*(\*|\[\s*\w*\s*\]|\s)*\s*[,)]/.test(rest)) return this.typeName();
    return this.expression();
  }

  typeName(): TypeName {
    const start = this.token.start;
    let base: string | undefined;
    let typeofExpression: Expression | undefined;
    if (this.token.kind !== 'name') this.fail('a type');
    while (this.token.text === 'const' || this.token.text === 'volatile') this.advance();
    const { text } = this.token;
    if (text === 'typeof') {
      this.advance();
      const of = this.typeArgument();
      if (of.kind === 'type') {
        const modifiers = this.modifiers();
        return { ...of, modifiers: [...of.modifiers, ...modifiers], span: this.from(start) };
      }
      typeofExpression = of;
    } else if (/^(struct|union|enum)$/.test(text)) {
      this.advance();
      base = `${text} ${this.expect('name', `the name of the ${text}`).text}`;
    } else {
      this.advance();
      base = text;
      if (C_WORDS.has(text)) {
        while (this.token.kind === 'name' && C_WORDS.has(this.token.text)) {
          base += ` ${this.token.text}`;
          this.advance();
        }
      }
    }
    return { kind: 'type', base, typeofExpression, modifiers: this.modifiers(), span: this.from(start) };
  }

  private modifiers(): ('*' | number | undefined)[] {
    const found: ('*' | number | undefined)[] = [];
    for (;;) {
      if (this.take('*')) found.push('*');
      else if (this.at('[')) {
        this.advance();
        if (this.take(']')) found.push(undefined);
        else {
          const count =
            this.token.kind === 'positional'
              ? BigInt(this.options.positional[Number(this.token.text.slice(1)) - 1] ?? 0)
              : this.token.value;
          if (this.token.kind !== 'int' && this.token.kind !== 'positional') this.fail('a number of elements');
          this.advance();
          found.push(Number(count));
          this.mark(']');
        }
      } else return found;
    }
  }

  /** `(a)`, `(a,)`, `(a, b)`, `()`, `(a=1, b=2)`. */
  private parenthesis(): Expression {
    const { start } = this.token;
    const predicate = this.inPredicate;
    this.inPredicate = false;
    this.advance();
    let result: Expression;
    if (this.token.kind === 'name' && this.peek('=') && !this.peek('==')) {
      const fields: { name: string; value: Expression }[] = [];
      while (!this.at(')')) {
        const name = this.expect('name', 'the name of a field').text;
        this.mark('=');
        fields.push({ name, value: this.expression() });
        if (!this.take(',')) break;
      }
      this.mark(')');
      result = { kind: 'record', fields, span: this.from(start) };
    } else {
      const items: Expression[] = [];
      let comma = false;
      while (!this.at(')')) {
        items.push(this.expression());
        comma = this.take(',');
        if (!comma) break;
      }
      this.mark(')');
      if (items.length === 1 && !comma) result = items[0]!;
      else result = { kind: 'tuple', items, span: this.from(start) };
    }
    this.inPredicate = predicate;
    return result;
  }

  // Tokens

  private enter(): void {
    if (++this.depth > 400) throw new SkepError(tooDeep(this.span(this.token.start, this.token.end)));
  }

  private before = 0;
  private advance(): void {
    this.before = this.token.end;
    this.token = this.lexer.next();
  }

  private at(mark: string): boolean {
    return this.token.kind === 'mark' && this.token.text === mark;
  }

  /** Whether the token behind this one begins with `mark`. */
  private peek(mark: string): boolean {
    const { position } = this.lexer;
    this.lexer.skip();
    const found = this.file.text.startsWith(mark, this.lexer.position);
    this.lexer.position = position;
    return found;
  }

  private take(mark: string): boolean {
    if (!this.at(mark)) return false;
    this.advance();
    return true;
  }

  private mark(mark: string): void {
    if (!this.take(mark)) this.fail(`'${mark}'`);
  }

  private expect(kind: Token['kind'], what: string): Token {
    const { token } = this;
    if (token.kind !== kind) this.fail(what);
    this.advance();
    return token;
  }

  /** Behind a piece at the top level: an optional semicolon, then text again. */
  private semicolon(end: number): void {
    this.lexer.position = end;
    this.lexer.skip();
    if (this.file.text[this.lexer.position] === ';') this.lexer.position++;
  }

  private fail(wanted: string): never {
    const { token } = this;
    const found = token.kind === 'end' ? 'end of file' : token.kind === 'string' ? 'a string' : `'${token.text}'`;
    throw new SkepError(unexpected(found, wanted, this.span(token.start, Math.max(token.end, token.start + 1))));
  }

  private span(start: number, end: number): Span {
    return { file: this.file, start, end };
  }

  private from(start: number): Span {
    return this.span(start, Math.max(start, this.before));
  }
}

function ENDS_ITSELF(statement: Statement): boolean {
  if (statement.kind === 'expression') return statement.value.kind === 'ifElse' || statement.value.kind === 'block';
  return statement.kind === 'unroll' || statement.kind === 'while' || statement.kind === 'for';
}

/** Loosest first. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '>', '<=', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const UNARY: ReadonlySet<string> = new Set(['-', '+', '!', '~', '*', '&']);
const ASSIGNMENTS: ReadonlyMap<string, BinaryOperator | ''> = new Map(
  (['=', '+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>='] as const).map((one) => [
    one,
    one.slice(0, -1) as BinaryOperator | '',
  ]),
);
const C_WORDS: ReadonlySet<string> = new Set(['unsigned', 'signed', 'long', 'short', 'int', 'char']);

/** Names that are types wherever they stand in parentheses. */
const TYPE_NAMES: ReadonlySet<string> = new Set([
  ...[
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'bool',
    'void',
    'string',
    'buffer',
    'inet',
  ],
  ...['int8_t', 'int16_t', 'int32_t', 'int64_t', 'uint8_t', 'uint16_t', 'uint32_t', 'uint64_t', 'size_t', 'ssize_t'],
  ...['int', 'char', 'long', 'short', 'unsigned', 'signed', 'u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'],
  ...['username_t', 'usym_t', 'ksym_t', 'kstack_t', 'ustack_t', 'timestamp_t', 'macaddr_t', 'cgroup_path_t'],
]);

/** Quotes stand around parts with unusual characters; a backslash keeps one. */
function withoutQuotes(text: string): string {
  return text.replace(/\\(.)|"/g, (_, kept: string | undefined) => kept ?? '');
}
