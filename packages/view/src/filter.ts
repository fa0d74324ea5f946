import { SkepError } from '@skep/base';
import { type Cell, cellText, type Row } from './column.ts';

/** Whether a row is to be shown. */
export type RowFilter = (row: Row) => boolean;

/**
 * An expression over the columns of a row: `comm = sshd and (uid != 0 or path startswith /etc)`.
 *
 * Operators: `= == != < <= > >= contains startswith endswith glob =~ in (…)`, `exists` behind a column, `and or not`
 * (or `&& || !`) and parentheses. Values are numbers, words, or text in quotes. `columns` are the names there are: others
 * are refused. Throws SkepError E7103 with the place.
 */
export function parseFilter(text: string, columns: readonly string[]): RowFilter {
  return new Parser(text, columns).parse();
}

interface Token {
  readonly kind: 'word' | 'text' | 'sign';
  readonly text: string;
  readonly at: number;
}

const SIGNS = ['=~', '==', '!=', '<=', '>=', '&&', '||', '=', '<', '>', '!', '(', ')', ','];
const COMPARE = ['=', '==', '!=', '<', '<=', '>', '>=', '=~', 'contains', 'startswith', 'endswith', 'glob', 'in'];
/** How deep parentheses and `not` may nest: far more than anybody writes, far less than the stack has room for. */
const DEEPEST = 200;

class Parser {
  private readonly source: string;
  private readonly columns: readonly string[];
  private readonly tokens: Token[];
  private at = 0;
  private depth = 0;

  constructor(source: string, columns: readonly string[]) {
    this.source = source;
    this.columns = columns;
    this.tokens = this.split();
  }

  parse(): RowFilter {
    const filter = this.either();
    if (this.at < this.tokens.length) this.fail(`\`${this.tokens[this.at]!.text}\` is not expected here`);
    return filter;
  }

  private either(): RowFilter {
    const parts = [this.both()];
    while (this.take('or', '||')) parts.push(this.both());
    return parts.length === 1 ? parts[0]! : (row) => parts.some((one) => one(row));
  }

  private both(): RowFilter {
    const parts = [this.one()];
    while (this.take('and', '&&')) parts.push(this.one());
    return parts.length === 1 ? parts[0]! : (row) => parts.every((one) => one(row));
  }

  private one(): RowFilter {
    if (++this.depth > DEEPEST) this.fail('it is nested too deeply');
    try {
      if (this.take('not', '!')) {
        const inner = this.one();
        return (row) => !inner(row);
      }
      if (this.take('(')) {
        const inner = this.either();
        if (!this.take(')')) this.fail('a `)` is missing');
        return inner;
      }
      return this.comparison();
    } finally {
      this.depth -= 1;
    }
  }

  private comparison(): RowFilter {
    const token = this.tokens[this.at];
    if (token === undefined || token.kind === 'sign') this.fail('the name of a column is missing');
    const name = token.text;
    if (!this.columns.includes(name)) this.fail(`there is no column \`${name}\`; there are ${this.columns.join(', ')}`);
    this.at += 1;
    if (this.take('exists')) return (row) => row[name] !== undefined && row[name] !== null;
    const operator = this.tokens[this.at]?.text;
    if (operator === undefined || !COMPARE.includes(operator)) this.fail(`behind \`${name}\` an operator is missing`);
    this.at += 1;
    if (operator === 'in') {
      if (!this.take('(')) this.fail('behind `in` comes a list in parentheses');
      const values = [this.value()];
      while (this.take(',')) values.push(this.value());
      if (!this.take(')')) this.fail('a `)` is missing');
      return (row) => values.some((value) => compare(row[name], value) === 0);
    }
    return test(name, operator, this.value(), (why) => this.fail(why));
  }

  private value(): string {
    const token = this.tokens[this.at];
    if (token === undefined || token.kind === 'sign') this.fail('a value is missing');
    this.at += 1;
    return token.text;
  }

  private take(...texts: readonly string[]): boolean {
    const token = this.tokens[this.at];
    if (token === undefined || token.kind === 'text' || !texts.includes(token.text)) return false;
    this.at += 1;
    return true;
  }

  private split(): Token[] {
    const tokens: Token[] = [];
    const { source } = this;
    for (let at = 0; at < source.length; ) {
      const char = source[at]!;
      if (/\s/.test(char)) {
        at += 1;
        continue;
      }
      if (char === '"' || char === "'") {
        const end = source.indexOf(char, at + 1);
        if (end < 0) this.fail(`the quote is not closed`, at);
        tokens.push({ kind: 'text', text: source.slice(at + 1, end), at });
        at = end + 1;
        continue;
      }
      const sign = SIGNS.find((one) => source.startsWith(one, at));
      const text = sign ?? /^[^\s"'=!<>&|(),]+/.exec(source.slice(at))?.[0];
      if (text === undefined) this.fail(`\`${char}\` means nothing here`, at);
      tokens.push({ kind: sign === undefined ? 'word' : 'sign', text, at });
      at += text.length;
    }
    return tokens;
  }

  private fail(why: string, at = this.tokens[this.at]?.at ?? this.source.length): never {
    throw new SkepError(
      {
        code: 'E7103',
        severity: 'error',
        message: `this filter cannot be understood: ${why}`,
        notes: [{ message: `${this.source}\n${' '.repeat(at)}^` }],
        help: 'write it as in `comm = sshd and not path startswith /etc`; quote values with spaces',
      },
      2,
    );
  }
}

function test(name: string, operator: string, value: string, fail: (why: string) => never): RowFilter {
  switch (operator) {
    case '=':
    case '==':
      return (row) => compare(row[name], value) === 0;
    case '!=':
      return (row) => Math.abs(compare(row[name], value)) > 0;
    case '<':
      return (row) => compare(row[name], value) < 0;
    case '<=':
      return (row) => compare(row[name], value) <= 0;
    case '>':
      return (row) => compare(row[name], value) > 0;
    case '>=':
      return (row) => compare(row[name], value) >= 0;
    case 'contains':
      return (row) => textOf(row[name]).includes(value);
    case 'startswith':
      return (row) => textOf(row[name]).startsWith(value);
    case 'endswith':
      return (row) => textOf(row[name]).endsWith(value);
    case 'glob': {
      const pattern = globPattern(value);
      return (row) => pattern.test(textOf(row[name]));
    }
    default: {
      let pattern: RegExp;
      try {
        pattern = new RegExp(value);
      } catch {
        fail(`\`${value}\` is no regular expression`);
      }
      return (row) => pattern.test(textOf(row[name]));
    }
  }
}

/** Below, equal or above zero; as numbers when both are numbers. NaN, and so never true, when there is no value. */
function compare(cell: Cell | undefined, value: string): number {
  if (cell === undefined || cell === null) return Number.NaN;
  if (typeof cell === 'number' || typeof cell === 'bigint') {
    if (/^-?\d+$/.test(value) && typeof cell === 'bigint') {
      const other = BigInt(value);
      return cell < other ? -1 : cell > other ? 1 : 0;
    }
    const other = Number(value);
    if (value.trim() !== '' && !Number.isNaN(other)) return Number(cell) - other;
  }
  const text = textOf(cell);
  return text < value ? -1 : text > value ? 1 : 0;
}

function textOf(cell: Cell | undefined): string {
  if (cell === undefined || cell === null) return '';
  return typeof cell === 'string' ? cell : cellText(cell);
}

/** `*` is any text, `?` any character. */
function globPattern(glob: string): RegExp {
  const escaped = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`, 's');
}
