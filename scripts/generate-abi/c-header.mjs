/**
 * Reads the declarations of a kernel UAPI header: object-like numeric macros, enums, and the layouts of structs and
 * unions as the BPF and x86-64 / arm64 ABIs lay them out (they agree for UAPI types). Not a C compiler: it knows the
 * C that UAPI headers are written in, and throws on anything else.
 */
export function parseHeader(text, known = { macros: {}, values: {} }) {
  const source = stripComments(text).replace(/\\\n/g, ' ');
  const macros = new Map(Object.entries(known.macros));
  const order = [];
  const body = [];
  for (const line of source.split('\n')) {
    const define = /^\s*#\s*define\s+(\w+)(\(.*?\))?\s*(.*?)\s*$/.exec(line);
    if (define) {
      macros.set(define[1], { params: define[2], body: define[3] });
      if (!define[2]) order.push(define[1]);
    } else if (!/^\s*#/.test(line)) body.push(line);
  }
  const parser = new Parser(tokenize(expandKnown(body.join('\n'), macros)), macros, known.values);
  parser.file();
  const numericMacros = {};
  for (const name of order) {
    const value = parser.tryEvaluate(macros.get(name).body, name);
    if (value !== undefined) numericMacros[name] = value;
  }
  return { macros: numericMacros, enums: parser.enums, records: parser.records, values: parser.values };
}

export function stripComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' ')).replace(/\/\/[^\n]*/g, '');
}

/** The two function-like macros inside declarations of linux/bpf.h. */
function expandKnown(text, macros) {
  return text
    .replace(/__bpf_md_ptr\(([^,]+),\s*(\w+)\)/g, 'union { $1 $2; __u64 :64; } __attribute__((aligned(8)))')
    .replace(/___BPF_FUNC_MAPPER\(__BPF_ENUM_FN\)/, () =>
      [...macros.get('___BPF_FUNC_MAPPER').body.matchAll(/FN\((\w+),\s*(\d+)/g)]
        .map(([, name, id]) => `BPF_FUNC_${name} = ${id},`)
        .join(' '),
    );
}

const SCALARS = {
  char: 1,
  __u8: 1,
  __s8: 1,
  __u16: 2,
  __s16: 2,
  __be16: 2,
  __le16: 2,
  __sum16: 2,
  short: 2,
  int: 4,
  unsigned: 4,
  'unsigned int': 4,
  __u32: 4,
  __s32: 4,
  __be32: 4,
  __wsum: 4,
  __u64: 8,
  __s64: 8,
  __be64: 8,
  __aligned_u64: 8,
  long: 8,
  'unsigned long': 8,
  'long long': 8,
  'unsigned long long': 8,
  'unsigned char': 1,
};

function tokenize(text) {
  return [...text.matchAll(/[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*|<<|>>|'.'|[^\s\w]/g)].map((m) => m[0]);
}

class Parser {
  enums = [];
  records = new Map();
  values = {};

  constructor(tokens, macros, values) {
    this.tokens = tokens;
    this.at = 0;
    this.macros = macros;
    Object.assign(this.values, values);
  }

  peek() {
    return this.tokens[this.at];
  }
  next() {
    return this.tokens[this.at++];
  }
  accept(token) {
    if (this.peek() !== token) return false;
    this.at++;
    return true;
  }
  expect(token) {
    if (!this.accept(token)) {
      throw new Error(`expected '${token}' near '${this.tokens.slice(this.at - 5, this.at + 5).join(' ')}'`);
    }
  }

  file() {
    while (this.at < this.tokens.length) {
      const token = this.peek();
      if (token === 'struct' || token === 'union') this.record(0);
      else if (token === 'enum') this.enum();
      else if (token === 'typedef' || token === 'extern') while (this.peek() !== ';') this.at++;
      else throw new Error(`unexpected '${token}' at file level`);
      this.expect(';');
    }
  }

  enum() {
    this.expect('enum');
    const name = this.peek() === '{' ? '' : this.next();
    this.expect('{');
    const values = {};
    let nextValue = 0n;
    while (!this.accept('}')) {
      const enumerator = this.next();
      if (this.accept('=')) nextValue = this.expression();
      values[enumerator] = nextValue;
      this.values[enumerator] = nextValue;
      nextValue += 1n;
      if (!this.accept(',')) {
        this.expect('}');
        break;
      }
    }
    this.enums.push({ name, values });
  }

  /** A struct or union with a body, from its keyword; offsets of fields are counted from the outermost record. */
  record(base) {
    const kind = this.next();
    let name = '';
    if (this.peek() !== '{') name = this.next();
    this.expect('{');
    const fields = [];
    let size = 0;
    let align = 1;
    let bits = 0;
    while (!this.accept('}')) {
      for (const declared of this.declaration(base + (kind === 'union' ? 0 : size))) {
        align = Math.max(align, declared.bitSize === undefined || declared.name ? declared.align : 1);
        if (declared.bitSize !== undefined) {
          const unit = declared.size * 8;
          let bitOffset = kind === 'union' ? 0 : bits;
          if (Math.floor(bitOffset / unit) !== Math.floor((bitOffset + declared.bitSize - 1) / unit)) {
            bitOffset = Math.ceil(bitOffset / unit) * unit;
          }
          if (declared.name) {
            fields.push({
              name: declared.name,
              type: declared.type,
              offset: base + Math.floor(bitOffset / unit) * declared.size,
              size: declared.size,
              bitOffset: bitOffset % unit,
              bitSize: declared.bitSize,
            });
          }
          const end = Math.ceil((bitOffset + declared.bitSize) / 8);
          bits = bitOffset + declared.bitSize;
          size = Math.max(size, end);
          continue;
        }
        const start = kind === 'union' ? 0 : Math.ceil(size / declared.align) * declared.align;
        const field = { name: declared.name, type: declared.type, offset: base + start, size: declared.size };
        if (declared.fields) field.fields = shift(declared.fields, base + start - declared.base);
        fields.push(field);
        size = Math.max(size, start + declared.size);
        bits = size * 8;
      }
      this.expect(';');
    }
    const forced = this.attributes();
    if (forced.packed && kind === 'struct') throw new Error(`packed struct ${name} is not known here`);
    if (forced.packed) align = forced.align ?? 1;
    else if (forced.align) align = Math.max(align, forced.align);
    size = Math.ceil(size / align) * align;
    const record = { kind, name, size, align, fields };
    if (name) this.records.set(name, record);
    return record;
  }

  attributes() {
    const found = {};
    while (this.accept('__attribute__')) {
      this.expect('(');
      this.expect('(');
      do {
        const what = this.next();
        if (what === 'aligned') {
          this.expect('(');
          found.align = Number(this.expression());
          this.expect(')');
        } else found[what.replaceAll('_', '')] = true;
      } while (this.accept(','));
      this.expect(')');
      this.expect(')');
    }
    return found;
  }

  /** One member declaration, up to its `;`: all its declarators. */
  declaration(base) {
    let type;
    let size;
    let align;
    let fields;
    const words = [];
    while (this.peek() === 'const' || this.peek() === 'volatile') words.push(this.next());
    if (this.peek() === 'struct' || this.peek() === 'union') {
      const hasBody = this.tokens[this.at + 1] === '{' || this.tokens[this.at + 2] === '{';
      if (hasBody) {
        const record = this.record(base);
        type = record.name ? `${record.kind} ${record.name}` : record.kind;
        ({ size, align, fields } = record);
      } else {
        type = `${this.next()} ${this.next()}`;
        const record = this.records.get(type.split(' ')[1]);
        size = record?.size;
        align = record?.align;
      }
    } else if (this.peek() === 'enum') {
      type = `${this.next()} ${this.next()}`;
      size = align = 4;
    } else {
      const names = [];
      while (/^[A-Za-z_]/.test(this.peek()) && (names.length === 0 || SCALARS[[...names, this.peek()].join(' ')])) {
        names.push(this.next());
      }
      type = names.join(' ');
      size = align = SCALARS[type];
      if (size === undefined && type !== 'void') throw new Error(`size of type '${type}' is not known`);
    }
    if (words.length > 0) type = `${words.join(' ')} ${type}`;
    const all = [];
    if (this.peek() === ';') return [{ name: '', type, size, align, fields, base }];
    do {
      let declared = type;
      let its = { size, align, fields };
      while (this.accept('*')) {
        declared += declared.endsWith('*') ? '*' : ' *';
        its = { size: 8, align: 8 };
      }
      const name = this.peek() === ':' || this.peek() === ';' ? '' : this.next();
      if (this.accept(':')) {
        all.push({ name, type: declared, ...its, bitSize: Number(this.expression()), base });
        continue;
      }
      while (this.accept('[')) {
        const count = this.peek() === ']' ? 0 : Number(this.expression());
        this.expect(']');
        declared += `[${count || ''}]`;
        its = { ...its, size: its.size * count };
      }
      const forced = this.attributes();
      if (forced.align) its = { ...its, align: Math.max(its.align, forced.align) };
      if (its.size === undefined) throw new Error(`size of '${declared} ${name}' is not known`);
      all.push({ name, type: declared, ...its, base });
    } while (this.accept(','));
    return all;
  }

  tryEvaluate(text, self) {
    const at = this.at;
    const tokens = this.tokens;
    try {
      if (text === '') return undefined;
      if (text === self) return this.values[self];
      this.tokens = tokenize(text);
      this.at = 0;
      const value = this.expression();
      return this.at === this.tokens.length ? value : undefined;
    } catch {
      return undefined;
    } finally {
      this.tokens = tokens;
      this.at = at;
    }
  }

  expression() {
    let left = this.shiftExpression();
    while (this.accept('|')) left |= this.shiftExpression();
    return left;
  }
  shiftExpression() {
    let left = this.sum();
    for (;;) {
      if (this.accept('<<')) left <<= this.sum();
      else if (this.accept('>>')) left >>= this.sum();
      else return left;
    }
  }
  sum() {
    let left = this.unary();
    for (;;) {
      if (this.accept('+')) left += this.unary();
      else if (this.accept('-')) left -= this.unary();
      else return left;
    }
  }
  unary() {
    if (this.accept('-')) return -this.unary();
    if (this.accept('~')) return ~this.unary();
    if (this.accept('(')) {
      const value = this.expression();
      this.expect(')');
      return value;
    }
    const token = this.next();
    if (/^\d/.test(token)) return BigInt(token.replace(/[uUlL]+$/, ''));
    if (this.values[token] !== undefined) return this.values[token];
    const macro = this.macros.get(token);
    if (macro && !macro.params) {
      const value = this.tryEvaluate(macro.body, token);
      if (value !== undefined) return value;
    }
    throw new Error(`'${token}' is not a constant`);
  }
}

function shift(fields, by) {
  if (by === 0) return fields;
  return fields.map((field) => ({
    ...field,
    offset: field.offset + by,
    ...(field.fields ? { fields: shift(field.fields, by) } : {}),
  }));
}
