/**
 * The name of a C++ function or variable as its author wrote it, `MyApp::Server::handle(int)`, from the one that compilers put into symbol
 * tables (Itanium C++ ABI, section 5.1). Undefined for what is no such name, and for those with expressions in their types.
 */
export function demangle(symbol: string): string | undefined {
  const start = /^_?_Z/.exec(symbol)?.[0].length;
  if (start === undefined || symbol.length > MAX_LENGTH) return undefined;
  // What compilers add to copies of functions: `.cold`, `.constprop.0`.
  const [, mangled = '', suffix = ''] = /^([^.]*)(\..*)?$/s.exec(symbol.slice(start))!;
  const reader = new Demangler(mangled);
  try {
    const text = reader.encoding();
    if (!reader.atEnd()) return undefined;
    return suffix === '' ? text : `${text} [clone ${suffix}]`;
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

/** The same without what it takes: `MyApp::Server::handle`. */
export function demangledName(symbol: string): string | undefined {
  const start = /^_?_Z/.exec(symbol)?.[0].length;
  if (start === undefined || symbol.length > MAX_LENGTH) return undefined;
  try {
    return new Demangler(symbol.slice(start)).nameAlone();
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

const MAX_LENGTH = 4096;
/** Names that refer to themselves grow without end. */
const MAX_TEXT = 65_536;
const MAX_DEPTH = 128;
/** Types that are read: packs in packs multiply. */
const MAX_STEPS = 20_000;

class Unknown extends Error {}

/** A type: what stands in front of a name of that type, and behind it. */
interface Type {
  readonly left: string;
  readonly right: string;
  /** A pointer to it wants parentheses. */
  readonly group?: boolean;
}

/** A name, and whether its function tells its result's type first. */
interface Name {
  readonly text: string;
  readonly template: boolean;
  /** Behind the parameters: ` const`. */
  readonly qualifiers: string;
  /** Constructors and conversions have no result. */
  readonly plain: boolean;
}

class Demangler {
  private readonly text: string;
  private at = 0;
  private depth = 0;
  private steps = 0;
  private readonly substitutions: (Type | string)[] = [];
  /** Which member of a pack is meant, while a pattern is expanded, and how many it turned out to have. */
  private member: number | undefined;
  private packSize: number | undefined;
  private templates: readonly (Type | readonly Type[])[] = [];

  constructor(text: string) {
    this.text = text;
  }

  atEnd(): boolean {
    return this.at >= this.text.length;
  }

  nameAlone(): string {
    if (/^[TG]/.test(this.text)) throw new Unknown();
    return this.name().text;
  }

  encoding(): string {
    const special = this.special();
    if (special !== undefined) return special;
    const name = this.name();
    if (this.atEnd() || this.peek() === 'E') return name.text;
    const result = name.template && !name.plain ? this.type() : undefined;
    const text = `${name.text}(${this.parameters()})${name.qualifiers}`;
    if (result === undefined) return this.bounded(text);
    const { left } = result;
    return this.bounded(`${left}${result.group ? '' : ' '}${text}${result.right}`);
  }

  private special(): string | undefined {
    const kind = SPECIAL[this.text.slice(this.at, this.at + 2)];
    if (kind !== undefined) {
      this.at += 2;
      return `${kind} for ${/^(vtable|VTT|typeinfo)/.test(kind) ? shown(this.type()) : this.name().text}`;
    }
    if (this.take('Th') || this.take('Tv')) {
      const virtual = this.text[this.at - 1] === 'v';
      this.number();
      this.need('_');
      if (virtual) {
        this.number();
        this.need('_');
      }
      return `${virtual ? 'virtual' : 'non-virtual'} thunk to ${this.encoding()}`;
    }
    return undefined;
  }

  // Names

  private name(): Name {
    if (this.peek() === 'N') return this.nested();
    if (this.peek() === 'Z') return this.local();
    let text: string;
    if (this.peek() === 'S' && this.text[this.at + 1] !== 't') {
      text = this.substitution().text;
      if (this.peek() !== 'I') throw new Unknown();
    } else {
      const std = this.take('St');
      const { text: own, plain } = this.unqualified('');
      text = std ? `std::${own}` : own;
      if (this.peek() !== 'I') return { text, template: false, qualifiers: '', plain };
      this.substitutions.push(text);
    }
    return { text: spaced(text) + this.templateArguments(), template: true, qualifiers: '', plain: false };
  }

  private nested(): Name {
    this.need('N');
    let qualifiers = '';
    for (const [letter, word] of [
      ['r', ' restrict'],
      ['V', ' volatile'],
      ['K', ' const'],
    ] as const)
      if (this.take(letter)) qualifiers = word + qualifiers;
    if (this.take('R')) qualifiers += ' &';
    else if (this.take('O')) qualifiers += ' &&';
    let text = '';
    let last = '';
    let template = false;
    let plain = false;
    while (!this.take('E')) {
      const c = this.peek();
      if (c === 'I') {
        text = spaced(text) + this.templateArguments();
        template = true;
      } else if (c === 'S' && this.text[this.at + 1] === 't') {
        this.at += 2;
        text = 'std';
        continue;
      } else if (c === 'S') {
        const found = this.substitution();
        text = found.text;
        last = found.last;
        template = false;
        continue;
      } else if (c === 'T') {
        text = shown(this.templateParameter());
      } else if (c === 'M') {
        // Of an initializer: it adds nothing to the name.
        this.at++;
        continue;
      } else {
        const found = this.unqualified(last);
        text = text === '' ? found.text : `${text}::${found.text}`;
        last = found.text;
        template = false;
        plain = found.plain;
      }
      if (this.peek() !== 'E') this.substitutions.push(text);
      this.bounded(text);
    }
    if (text === '') throw new Unknown();
    return { text, template, qualifiers, plain };
  }

  private local(): Name {
    this.need('Z');
    const templates = this.templates;
    const outer = this.encoding();
    this.need('E');
    if (this.take('s')) {
      this.discriminator();
      return { text: `${outer}::string literal`, template: false, qualifiers: '', plain: true };
    }
    if (this.take('d')) {
      this.number();
      this.need('_');
    }
    this.templates = templates;
    const inner = this.name();
    this.discriminator();
    return { ...inner, text: `${outer}::${inner.text}` };
  }

  private discriminator(): void {
    if (this.take('__')) {
      this.number();
      this.need('_');
    } else if (this.take('_')) this.number();
  }

  /** One part of a name. `last` is the class that constructors are named after. */
  private unqualified(last: string): { text: string; plain: boolean } {
    this.take('L');
    let found = this.unqualifiedPart(last);
    while (this.take('B')) found = { ...found, text: `${found.text}[abi:${this.source()}]` };
    return found;
  }

  private unqualifiedPart(last: string): { text: string; plain: boolean } {
    const c = this.peek();
    if (c >= '0' && c <= '9') return { text: this.source(), plain: false };
    const bare = last.replace(/<.*$/s, '').replace(/\[abi:.*$/s, '');
    if (c === 'C' && /[1-5]/.test(this.text[this.at + 1] ?? '')) {
      this.at += 2;
      return { text: bare, plain: true };
    }
    if (c === 'D' && /[0-5]/.test(this.text[this.at + 1] ?? '')) {
      this.at += 2;
      return { text: `~${bare}`, plain: true };
    }
    if (this.take('Ut')) {
      const index = this.peek() === '_' ? 1 : this.number() + 2;
      this.need('_');
      return { text: `{unnamed type#${index}}`, plain: false };
    }
    if (this.take('Ul')) {
      const parameters = this.parameters();
      this.need('E');
      const index = this.peek() === '_' ? 1 : this.number() + 2;
      this.need('_');
      return { text: `{lambda(${parameters})#${index}}`, plain: false };
    }
    if (this.take('cv')) return { text: `operator ${shown(this.type())}`, plain: true };
    if (this.take('li')) return { text: `operator"" ${this.source()}`, plain: false };
    const operator = OPERATORS[this.text.slice(this.at, this.at + 2)];
    if (operator === undefined) throw new Unknown();
    this.at += 2;
    return { text: `operator${operator}`, plain: false };
  }

  private source(): string {
    const length = this.number();
    const text = this.text.slice(this.at, this.at + length);
    if (text.length < length || length === 0) throw new Unknown();
    this.at += length;
    return text.startsWith('_GLOBAL__N') ? '(anonymous namespace)' : text;
  }

  // Types

  private parameters(): string {
    const found: string[] = [];
    while (!this.atEnd() && this.peek() !== 'E' && this.peek() !== '.') {
      const types = this.take('Dp') ? this.pack() : [this.type()];
      found.push(...types.map(shown));
      // A reference qualifier of the function's type comes last.
      if (/^[RO]E/.test(this.text.slice(this.at, this.at + 2))) break;
    }
    return this.bounded(found.length === 1 && found[0] === 'void' ? '' : found.join(', '));
  }

  private type(): Type {
    if (++this.depth > MAX_DEPTH || ++this.steps > MAX_STEPS) throw new Unknown();
    // Parameters of templates mean those of the name whose type this is, and not of what is named in here.
    const { templates } = this;
    try {
      return this.typeInside();
    } finally {
      this.depth--;
      this.templates = templates;
    }
  }

  private typeInside(): Type {
    const c = this.peek();
    const builtin = BUILTIN[c] ?? BUILTIN[this.text.slice(this.at, this.at + 2)];
    if (builtin !== undefined) {
      this.at += c === 'D' ? 2 : 1;
      return plain(builtin);
    }
    const made = this.compound(c);
    if (made !== undefined) {
      this.substitutions.push(made);
      return made;
    }
    if (c === 'S' && this.text[this.at + 1] !== 't') {
      const found = this.substitution();
      if (this.peek() !== 'I') return found.type;
      const type = plain(found.text + this.templateArguments());
      this.substitutions.push(type);
      return type;
    }
    if (c === 'T' && /[\d_]/.test(this.text[this.at + 1] ?? '')) {
      const parameter = this.templateParameter();
      this.substitutions.push(parameter);
      if (this.peek() !== 'I') return parameter;
      const type = plain(shown(parameter) + this.templateArguments());
      this.substitutions.push(type);
      return type;
    }
    if (/[TDU]/.test(c)) throw new Unknown();
    const type = plain(this.name().text);
    this.substitutions.push(type);
    return type;
  }

  /** Types made of others: pointers, functions, arrays. */
  private compound(c: string): Type | undefined {
    switch (c) {
      case 'P':
      case 'R':
      case 'O': {
        this.at++;
        return pointerTo(this.type(), c === 'P' ? '*' : c === 'R' ? '&' : '&&');
      }
      case 'K':
      case 'V':
      case 'r': {
        let words = '';
        while (/[rVK]/.test(this.peek())) {
          words = ` ${{ r: 'restrict', V: 'volatile', K: 'const' }[this.peek() as 'K']}${words}`;
          this.at++;
        }
        const to = this.type();
        return to.right.startsWith('(') ? { ...to, right: to.right + words } : { ...to, left: to.left + words };
      }
      case 'F': {
        this.at++;
        this.take('Y');
        const result = this.type();
        const parameters = this.parameters();
        const reference = this.take('R') ? ' &' : this.take('O') ? ' &&' : '';
        this.need('E');
        return { left: `${shown(result)} `, right: `(${parameters})${reference}`, group: true };
      }
      case 'A': {
        this.at++;
        const count = this.peek() === '_' ? '' : String(this.number());
        this.need('_');
        const of = this.type();
        return { left: of.left, right: ` [${count}]${of.right.trimStart()}`, group: true };
      }
      case 'M': {
        this.at++;
        const owner = shown(this.type());
        const member = this.type();
        return member.group
          ? { left: `${member.left}(${owner}::*`, right: `)${member.right}` }
          : { left: `${member.left} ${owner}::*`, right: member.right };
      }
      default:
        return undefined;
    }
  }

  /** A pattern, once for each member of the pack that is named in it. */
  private pack(): readonly Type[] {
    const start = this.at;
    const before = { member: this.member, size: this.packSize };
    const found: Type[] = [];
    this.packSize = undefined;
    let size = 1;
    for (let i = 0; i < Math.max(1, size); i++) {
      const kept = this.substitutions.length;
      this.at = start;
      this.member = i;
      const type = this.type();
      if (this.packSize === undefined) throw new Unknown();
      size = this.packSize;
      if (i > 0) this.substitutions.length = kept;
      if (size > 0) found.push(type);
    }
    this.member = before.member;
    this.packSize = before.size;
    // What the expansion itself is counted as.
    this.substitutions.push(found[0] ?? plain(''));
    return found;
  }

  private templateArguments(): string {
    this.need('I');
    const found: (Type | readonly Type[])[] = [];
    while (!this.take('E')) found.push(this.templateArgument());
    this.templates = found;
    const flat = found.flatMap((one) => (Array.isArray(one) ? (one as readonly Type[]) : [one as Type])).map(shown);
    const text = flat.join(', ');
    return this.bounded(`<${text}${text.endsWith('>') ? ' ' : ''}>`);
  }

  private templateArgument(): Type | readonly Type[] {
    if (this.take('J')) {
      const found: Type[] = [];
      while (!this.take('E')) {
        const one = this.templateArgument();
        found.push(...(Array.isArray(one) ? (one as readonly Type[]) : [one as Type]));
      }
      return found;
    }
    if (this.take('L')) return this.literal();
    if (this.peek() === 'X') throw new Unknown();
    return this.type();
  }

  private literal(): Type {
    if (this.take('_Z')) {
      const text = this.encoding();
      this.need('E');
      return plain(text);
    }
    const letter = this.peek();
    const type = shown(this.type());
    const negative = this.take('n');
    const digits = /^\d*/.exec(this.text.slice(this.at))![0];
    this.at += digits.length;
    this.need('E');
    const value = `${negative ? '-' : ''}${digits}`;
    if (letter === 'b') return plain(digits === '1' ? 'true' : 'false');
    const suffix = { i: '', j: 'u', l: 'l', m: 'ul', x: 'll', y: 'ull' }[letter];
    return plain(suffix === undefined ? `(${type})${value}` : `${value}${suffix}`);
  }

  private templateParameter(): Type {
    const found = this.templateValue();
    if (!Array.isArray(found)) return found as Type;
    const list = found as readonly Type[];
    if (this.member === undefined) throw new Unknown();
    this.packSize = list.length;
    return list[this.member] ?? plain('');
  }

  private templateValue(): Type | readonly Type[] {
    this.need('T');
    const index = this.peek() === '_' ? 0 : this.number() + 1;
    this.need('_');
    const found = this.templates[index];
    if (found === undefined) throw new Unknown();
    return found;
  }

  private substitution(): { text: string; last: string; type: Type } {
    this.need('S');
    const c = this.peek();
    const known = STANDARD[c];
    if (known !== undefined) {
      this.at++;
      const [short, long, last] = known;
      // Constructors are named after the template.
      const named = /^[CD]\d/.test(this.text.slice(this.at, this.at + 2));
      return { text: named ? long : short, last, type: plain(short) };
    }
    const digits = /^[0-9A-Z]*/.exec(this.text.slice(this.at))![0];
    this.at += digits.length;
    this.need('_');
    const found = this.substitutions[digits === '' ? 0 : Number.parseInt(digits, 36) + 1];
    if (found === undefined) throw new Unknown();
    const type = typeof found === 'string' ? plain(found) : found;
    const text = shown(type);
    return { text, last: lastPart(text), type };
  }

  // Characters

  private peek(): string {
    return this.text[this.at] ?? '';
  }

  private take(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private need(text: string): void {
    if (!this.take(text)) throw new Unknown();
  }

  private number(): number {
    const digits = /^n?\d+/.exec(this.text.slice(this.at, this.at + 10))?.[0];
    if (digits === undefined) throw new Unknown();
    this.at += digits.length;
    return Number(digits.replace('n', '-'));
  }

  private bounded(text: string): string {
    if (text.length > MAX_TEXT) throw new Unknown();
    return text;
  }
}

function plain(left: string): Type {
  return { left, right: '' };
}

/** Before the arguments of a template: `operator<` and they do not run together. */
function spaced(name: string): string {
  return name.endsWith('<') ? `${name} ` : name;
}

function shown({ left, right }: Type): string {
  return right === '' ? left : `${left}${right}`;
}

/** References to references collapse. */
function pointerTo(to: Type, mark: string): Type {
  if (mark !== '*' && !to.group) {
    if (to.left.endsWith('&&')) return mark === '&' ? { ...to, left: to.left.slice(0, -1) } : to;
    if (to.left.endsWith('&')) return to;
  }
  const gap = to.left.endsWith(' ') ? '' : ' ';
  return to.group
    ? { left: `${to.left}${gap}(${mark}`, right: `)${to.right}` }
    : { left: to.left + mark, right: to.right };
}

/** Behind the last `::` that is in no brackets. */
function lastPart(text: string): string {
  let depth = 0;
  for (let i = text.length - 1; i > 0; i--) {
    const c = text[i];
    if (c === '>' || c === ')') depth++;
    else if (c === '<' || c === '(') depth--;
    else if (c === ':' && depth === 0) return text.slice(i + 1);
  }
  return text;
}

const SPECIAL: Readonly<Record<string, string | undefined>> = {
  TV: 'vtable',
  TT: 'VTT',
  TI: 'typeinfo',
  TS: 'typeinfo name',
  GV: 'guard variable',
  TW: 'TLS wrapper function',
  TH: 'TLS init function',
};

const BUILTIN: Readonly<Record<string, string | undefined>> = {
  v: 'void',
  w: 'wchar_t',
  b: 'bool',
  c: 'char',
  a: 'signed char',
  h: 'unsigned char',
  s: 'short',
  t: 'unsigned short',
  i: 'int',
  j: 'unsigned int',
  l: 'long',
  m: 'unsigned long',
  x: 'long long',
  y: 'unsigned long long',
  n: '__int128',
  o: 'unsigned __int128',
  f: 'float',
  d: 'double',
  e: 'long double',
  g: '__float128',
  z: '...',
  Ds: 'char16_t',
  Di: 'char32_t',
  Du: 'char8_t',
  Da: 'auto',
  Dc: 'decltype(auto)',
  Dn: 'decltype(nullptr)',
};

/** As the name alone, as the class whose constructor follows, and that class without its arguments. */
const STANDARD: Readonly<Record<string, readonly [string, string, string] | undefined>> = {
  a: ['std::allocator', 'std::allocator', 'allocator'],
  b: ['std::basic_string', 'std::basic_string', 'basic_string'],
  s: ['std::string', 'std::basic_string<char, std::char_traits<char>, std::allocator<char> >', 'basic_string'],
  i: ['std::istream', 'std::basic_istream<char, std::char_traits<char> >', 'basic_istream'],
  o: ['std::ostream', 'std::basic_ostream<char, std::char_traits<char> >', 'basic_ostream'],
  d: ['std::iostream', 'std::basic_iostream<char, std::char_traits<char> >', 'basic_iostream'],
};

const OPERATORS: Readonly<Record<string, string | undefined>> = {
  ...{
    nw: ' new',
    na: ' new[]',
    dl: ' delete',
    da: ' delete[]',
    aw: ' co_await',
    ps: '+',
    ng: '-',
    ad: '&',
    de: '*',
    co: '~',
  },
  ...{ pl: '+', mi: '-', ml: '*', dv: '/', rm: '%', an: '&', or: '|', eo: '^', aS: '=', pL: '+=', mI: '-=', mL: '*=' },
  ...{ dV: '/=', rM: '%=', aN: '&=', oR: '|=', eO: '^=', ls: '<<', rs: '>>', lS: '<<=', rS: '>>=', eq: '==', ne: '!=' },
  ...{ lt: '<', gt: '>', le: '<=', ge: '>=', ss: '<=>', nt: '!', aa: '&&', oo: '||', pp: '++', mm: '--', cm: ',' },
  ...{ pm: '->*', pt: '->', cl: '()', ix: '[]', qu: '?' },
};
