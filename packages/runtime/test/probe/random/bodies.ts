import { Random } from '../../../../../test/support/random.mjs';
import type { Shape } from '../../../src/probe/index.ts';

/** What the user side puts where the programs find it, for one run. */
export type Input = { readonly [name: string]: number | bigint | boolean | string };

/** Each kind of stored value, as programs read it of the map `given`. */
export const GIVEN = {
  u8: 'u8',
  i8: 'i8',
  u16: 'u16',
  i16: 'i16',
  u32: 'u32',
  i32: 'i32',
  net: 'ipv4',
  u64: 'u64',
  i64: 'i64',
  on: 'bool',
  name: 'char[16]',
  path: 'char[40]',
} as const;

/** What programs send: `at` says from where. */
export const SENT = {
  at: 'u16',
  n: 'i64',
  narrow: 'i16',
  byte: 'u8',
  u: 'u64',
  i: 'i64',
  b: 'bool',
  text: 'char[24]',
} as const;

/** The maps that programs change, with what they hold. */
export const MAPS: {
  readonly [name: string]: { readonly kind: 'hash' | 'lruHash' | 'array'; readonly key: Shape; readonly value: Shape };
} = {
  numbers: { kind: 'hash', key: 'u32', value: 'i32' },
  bigs: { kind: 'lruHash', key: 'i16', value: 'u64' },
  names: { kind: 'hash', key: 'char[16]', value: 'char[24]' },
  pairs: { kind: 'hash', key: { a: 'u8', b: 'i32' }, value: { n: 'u16', i: 'i64', t: 'char[8]', on: 'bool' } },
  slots: { kind: 'array', key: 'u32', value: { n: 'u32', i: 'i8' } },
};
const SLOTS = 4;

/** Texts that are alike in parts. */
const TEXTS = [
  '',
  'a',
  'ab',
  'cat',
  'bash',
  'cats and dogs',
  '/etc/passwd',
  '/etc/',
  '/etc/hostname-that-is-long',
  'äöü',
  '€'.repeat(12),
  'x'.repeat(15),
];

/** Values at the edges of their types, and any. */
export function randomInput(choice: Random): Input {
  const whole = (bits: number, signed: boolean): bigint => {
    const edges = [0n, 1n, 2n, -1n, (1n << BigInt(bits - 1)) - 1n, 1n << BigInt(bits - 1), 10n, 255n];
    const any = (BigInt(choice.next()) << 32n) | BigInt(choice.next());
    const value = choice.chance(50) ? choice.pick(edges) : any >> BigInt(choice.below(64));
    return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  };
  return Object.fromEntries(
    Object.entries(GIVEN).map(([name, type]) => {
      if (type === 'bool') return [name, choice.chance(50)];
      if (type === 'ipv4') return [name, Number(whole(32, false))];
      if (type.startsWith('char')) {
        const room = Number(/\d+/.exec(type)![0]);
        return [name, choice.pick(TEXTS.filter((one) => new TextEncoder().encode(one).length < room))];
      }
      const bits = Number(type.slice(1));
      const value = whole(bits, type.startsWith('i'));
      return [name, bits === 64 ? value : Number(value)];
    }),
  );
}

/** The file of a random program. All that it calculates is exact in JavaScript: numbers stay below 2^53, bigints are cut to 64 bits. */
export function randomProbe(seed: number): string {
  return new Writer(new Random(seed)).file();
}

/** A number with the bounds that the compiler can know of it, and those that it has. */
interface Num {
  readonly text: string;
  readonly known: readonly [number, number];
  readonly real: readonly [number, number];
  readonly constant?: boolean;
}
interface Variable {
  readonly name: string;
  readonly type: 'number' | 'u64' | 'i64' | 'boolean' | 'text';
  readonly changes: boolean;
  readonly known: readonly [number, number];
  readonly real: readonly [number, number];
}

const SAFE = Number.MAX_SAFE_INTEGER;
const I32 = [-(2 ** 31), 2 ** 31 - 1] as const;
const U32 = [0, 2 ** 32 - 1] as const;
const ANY = [-SAFE, SAFE] as const;
const NUMBERS = [
  0,
  1,
  2,
  3,
  5,
  7,
  10,
  31,
  32,
  63,
  100,
  255,
  256,
  1000,
  32767,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 40,
];
/** Bigints that not all types have. */
const EDGES = ['0n', '1n', '-1n', '-5n', '9223372036854775807n', '9223372036854775808n', '18446744073709551615n'];
const FIELDS: { readonly [name: string]: readonly [number, number] } = {
  u8: [0, 255],
  i8: [-128, 127],
  u16: [0, 65535],
  i16: [-32768, 32767],
  u32: U32,
  i32: I32,
  net: U32,
};

class Writer {
  private readonly c: Random;
  private readonly lines: string[] = [];
  private scopes: Variable[][] = [];
  private readonly functions: { name: string; params: string[]; result: 'number' | 'u64' | 'i64' | 'boolean' }[] = [];
  private made = 0;
  private depth = 0;
  private loops = 0;
  private inFunction: 'number' | 'u64' | 'i64' | 'boolean' | undefined;

  constructor(choice: Random) {
    this.c = choice;
  }

  file(): string {
    const map = (name: string) => {
      const { kind, key, value } = MAPS[name]!;
      const options = kind === 'array' ? { value, max: SLOTS } : { key, value, max: 1000 };
      return `export const ${name} = ${kind}(${JSON.stringify(options)});`;
    };
    this.lines.push(
      "import { array, counter, events, hash, histogram, lruHash, params, Xdp, xdp } from 'skep/probe';",
      `export const given = array({ value: ${JSON.stringify(GIVEN)} });`,
      ...Object.keys(MAPS).map(map),
      'export const total = counter();',
      "export const byNumber = counter({ key: 'i32' });",
      "export const sizes = histogram({ unit: 'n' });",
      `export const out = events(${JSON.stringify(SENT)}, { size: 1048576 });`,
      "export const opt = params({ level: 3, far: -77, wide: 123456789012n, on: true, who: 'cat' });",
      'const Kind = { A: 1, B: 2, C: -9 } as const;',
      'const FEW = [1, 2, 300, -4];',
      "const WORDS = ['cat', 'bash', ''];",
    );
    for (let i = this.c.below(4); i > 0; i--) this.helper();
    this.lines.push('xdp((p) => {', '  const v = given.get(0);', '  if (v === undefined) return Xdp.Aborted;');
    this.scopes = [[]];
    this.statements(4 + this.c.below(9));
    this.emit();
    this.line(`return ${this.c.chance(50) ? this.c.pick(['Xdp.Pass', 'Xdp.Drop', 'Xdp.Tx']) : this.verdict()};`);
    this.lines.push('});', '');
    return this.lines.join('\n');
  }

  private verdict(): string {
    return `(${this.boolean(2)} ? Xdp.Pass : Xdp.Drop)`;
  }

  private helper(): void {
    const types = ['number', 'u64', 'i64', 'boolean'] as const;
    const params: Variable[] = Array.from({ length: 1 + this.c.below(3) }, (_, i) => ({
      name: `p${i}`,
      type: this.c.pick(types),
      changes: false,
      known: ANY,
      real: I32,
    }));
    const result = this.c.pick(types);
    const name = `f${this.functions.length}`;
    const type = (one: string) => (one === 'u64' || one === 'i64' ? 'bigint' : one);
    this.lines.push(
      `const ${name} = (${params.map((one) => `${one.name}: ${type(one.type)}`).join(', ')}): ${type(result)} => {`,
    );
    this.scopes = [params];
    this.inFunction = result;
    this.statements(this.c.below(4));
    this.line(`return ${this.result(result, 2)};`);
    this.inFunction = undefined;
    this.lines.push('};');
    this.functions.push({ name, params: params.map((one) => one.type), result });
  }

  /** Of a function: constants are what its other results are. */
  private result(type: 'number' | 'u64' | 'i64' | 'boolean', depth: number): string {
    if (type === 'u64' && this.c.chance(20)) return this.c.pick(['0n', '7n']);
    if (type === 'i64' && this.c.chance(20)) return this.c.pick(['0n', '-1n', '9n']);
    return this.valueOf(type, depth);
  }

  /** What can be given to functions and stay in variables. */
  private valueOf(type: Variable['type'], depth: number): string {
    switch (type) {
      case 'number':
        return `(${this.number(depth).text}) | 0`;
      case 'u64':
      case 'i64':
        return this.big(type, depth);
      case 'boolean':
        return this.boolean(depth);
      case 'text':
        return this.text();
    }
  }

  private line(text: string): void {
    this.lines.push(`${'  '.repeat(this.depth + 1)}${text}`);
  }

  private block(work: () => void): void {
    this.scopes.push([]);
    this.depth++;
    work();
    this.depth--;
    this.scopes.pop();
  }

  private statements(count: number): void {
    for (let i = 0; i < count; i++) this.statement();
  }

  private statement(): void {
    const inner = () => this.block(() => this.statements(1 + this.c.below(3)));
    switch (this.c.below(this.depth > 2 ? 12 : 18)) {
      case 0:
      case 1:
      case 2:
        this.variable();
        break;
      case 3:
      case 4:
      case 5:
      case 6:
        this.change();
        break;
      case 7:
        this.mapStatement();
        break;
      case 8:
        this.look();
        break;
      case 9:
        if (this.inFunction) this.change();
        else if (this.c.chance(30)) this.emit();
        else this.mapStatement();
        break;
      case 10:
        this.line(`total.add(${this.c.chance(50) ? '' : `${this.number(1).text} & 0xff`});`);
        break;
      case 11:
        if (this.c.chance(50)) this.line(`byNumber.add((${this.number(1).text}) % 7, ${this.big('u64', 1)});`);
        else this.line(`sizes.log2(${this.c.chance(50) ? this.big('u64', 2) : `(${this.number(2).text}) >>> 0`});`);
        break;
      case 12:
      case 13:
        this.line(`if (${this.boolean(3)}) {`);
        inner();
        if (this.c.chance(50)) {
          this.line('} else {');
          inner();
        }
        this.line('}');
        break;
      case 14:
        this.loop();
        break;
      case 15:
        this.choose();
        break;
      case 16:
        if (this.depth === 0 || this.c.chance(60)) this.change();
        else if (this.inFunction) this.line(`return ${this.result(this.inFunction, 1)};`);
        else this.line(`if (${this.boolean(2)}) return ${this.verdict()};`);
        break;
      default:
        this.line('{');
        inner();
        this.line('}');
    }
  }

  private variable(): void {
    // A name of an outer block, where nothing of this one has used it.
    const first = this.lines.at(-1)!.endsWith('{');
    const shadows = first && this.depth > 0 && this.made > 0 && this.c.chance(50);
    const name = shadows ? `x${1 + this.c.below(this.made)}` : `x${++this.made}`;
    const fresh = this.scopes.at(-1)!.some((one) => one.name === name) ? `x${++this.made}` : name;
    const type = this.c.pick(['number', 'number', 'number', 'u64', 'i64', 'boolean', 'text'] as const);
    const changes = type !== 'text' && this.c.chance(60);
    const hidden = this.scopes.map((scope) => scope.filter((one) => one.name === fresh));
    this.scopes = this.scopes.map((scope) => scope.filter((one) => one.name !== fresh));
    const number = type === 'number' && !changes ? this.number(3) : undefined;
    const value = number?.text ?? this.valueOf(type, 3);
    this.scopes = this.scopes.map((scope, i) => [...scope, ...hidden[i]!]);
    const note = changes && (type === 'u64' || type === 'i64') ? ': bigint' : '';
    this.line(`${changes ? 'let' : 'const'} ${fresh}${note} = ${value};`);
    // The inner of two of one name is found first.
    this.scopes.at(-1)!.unshift({
      name: fresh,
      type,
      changes,
      known: number?.known ?? ANY,
      real: number?.real ?? I32,
    });
  }

  private visible(type: Variable['type'], changes = false): Variable[] {
    const seen = new Set<string>();
    const found: Variable[] = [];
    for (const scope of [...this.scopes].reverse())
      for (const one of scope) {
        if (seen.has(one.name)) continue;
        seen.add(one.name);
        if (one.type === type && (!changes || one.changes)) found.push(one);
      }
    return found;
  }

  private change(): void {
    const type = this.c.pick(['number', 'number', 'u64', 'i64', 'boolean'] as const);
    const all = this.visible(type, true);
    if (all.length === 0) {
      this.variable();
      return;
    }
    const { name } = this.c.pick(all);
    if (type === 'number' && this.c.chance(50)) {
      const number = this.number(2);
      switch (this.c.below(6)) {
        case 0:
          this.line(`${name} = (${name} ${this.c.pick(['+', '-'])} (${number.text})) | 0;`);
          return;
        case 1:
          this.line(`${name} ${this.c.pick(['^=', '|=', '&='])} ${number.text};`);
          return;
        case 2:
          this.line(`${name} ${this.c.pick(['<<=', '>>='])} ${this.c.below(32)};`);
          return;
        case 3:
          this.line(`${name} %= ${1 + this.c.below(1000)};`);
          return;
        case 4:
          this.line(`${name}${this.c.pick(['++', '--'])};`);
          this.line(`${name} |= 0;`);
          return;
        default:
          this.line(`${name} += ${number.text};`);
          this.line(`${name} = ${name} | 0;`);
          return;
      }
    }
    this.line(`${name} = ${this.valueOf(type, 3)};`);
  }

  private key(map: string): string {
    switch (map) {
      case 'numbers':
        return this.c.chance(70) ? `(${this.number(1).text}) & 3` : `(${this.number(2).text}) >>> 0`;
      case 'bigs':
        return this.wide(this.number(1), 16);
      case 'names':
        return this.text();
      case 'slots':
        return `(${this.number(1).text}) & ${this.c.chance(80) ? 3 : 7}`;
      default:
        return `{ a: (${this.number(1).text}) & 3, b: (${this.number(1).text}) % 3 }`;
    }
  }

  /** A number for so many bits; constants have to fit. */
  private wide(number: Num, bits: number): string {
    return number.constant ? `(${number.text}) & ${2 ** (bits - 1) - 1}` : number.text;
  }

  private mapStatement(): void {
    const map = this.c.pick(Object.keys(MAPS));
    if (map !== 'slots' && this.c.chance(20)) {
      this.line(`${map}.delete(${this.key(map)});`);
      return;
    }
    const values: { readonly [map: string]: () => string } = {
      numbers: () => `(${this.number(3).text}) | 0`,
      bigs: () => this.big('u64', 3),
      names: () => this.text(),
      pairs: () =>
        `{ n: (${this.number(2).text}) & 0xffff, i: ${this.big('i64', 2)}, t: ${this.text()}, on: ${this.boolean(2)} }`,
      slots: () => `{ n: (${this.number(2).text}) >>> 0, i: ${this.wide(this.number(2), 8)} }`,
    };
    this.line(`${map}.set(${this.key(map)}, ${values[map]!()});`);
  }

  /** Looks a value up, tests it, and uses it where it is there. */
  private look(): void {
    const map = this.c.pick(Object.keys(MAPS));
    const name = `m${++this.made}`;
    const method = map !== 'slots' && this.c.chance(30) ? 'take' : 'get';
    this.line(`const ${name} = ${map}.${method}(${this.key(map)});`);
    const test = this.c.pick([`${name} !== undefined`, `undefined !== ${name}`]);
    const more = this.c.chance(30) ? ` && ${this.boolean(2)}` : '';
    this.line(`if (${test}${more}) {`);
    this.block(() => {
      const scope = this.scopes.at(-1)!;
      const here = (text: string, type: Variable['type'], known: readonly [number, number] = ANY) =>
        scope.push({ name: text, type, changes: false, known, real: known });
      if (map === 'numbers') here(name, 'number', I32);
      else if (map === 'bigs') here(name, 'u64');
      else if (map === 'names') here(name, 'text');
      else if (map === 'slots') {
        here(`${name}.n`, 'number', U32);
        here(`${name}.i`, 'number', [-128, 127]);
      } else {
        here(`${name}.n`, 'number', [0, 65535]);
        here(`${name}.i`, 'i64');
        here(`${name}.t`, 'text');
        here(`${name}.on`, 'boolean');
      }
      if (map === 'pairs' && this.c.chance(40))
        this.line(`pairs.set(${this.key(map)}, { ...${name}, n: (${this.number(2).text}) & 0xfff });`);
      if (map === 'pairs' && this.c.chance(30)) {
        const t = `t${++this.made}`;
        this.line(`const { n: ${t}, on: ${t}on } = ${name};`);
        here(t, 'number', [0, 65535]);
        here(`${t}on`, 'boolean');
      }
      this.statements(1 + this.c.below(3));
    });
    this.line('}');
  }

  private emit(): void {
    const n = this.number(3);
    this.line(
      `out.emit({ at: ${++this.made}, n: BigInt(${n.text}), narrow: ${this.wide(this.number(2), 16)}, byte: ${this.wide(this.number(2), 8)}, u: ${this.big('u64', 3)}, i: ${this.big('i64', 3)}, b: ${this.boolean(3)}, text: ${this.text()} });`,
    );
  }

  private loop(): void {
    if (this.loops >= 2) {
      this.change();
      return;
    }
    this.loops++;
    const name = `k${++this.made}`;
    const list = this.c.chance(25);
    const count = 1 + this.c.below(6);
    const step = this.c.pick([1, 1, 2, 3]);
    if (list) this.line(`for (const ${name} of ${this.c.chance(50) ? 'FEW' : '[5, -1, 70000]'}) {`);
    else if (this.c.chance(30))
      this.line(
        `for (let ${name} = ${count}; ${name} >${this.c.pick(['', '='])} 0; ${name}${step === 1 ? '--' : ` -= ${step}`}) {`,
      );
    else {
      const bound = this.c.chance(40) ? `Math.min((${this.number(1).text}) & 15, ${count})` : String(count);
      this.line(
        `for (let ${name} = 0; ${name} <${this.c.pick(['', '='])} ${bound}; ${name}${step === 1 ? '++' : ` += ${step}`}) {`,
      );
    }
    this.block(() => {
      const known = list ? I32 : ([-8, 32] as const);
      this.scopes.at(-1)!.push({ name, type: 'number', changes: false, known, real: known });
      if (this.c.chance(40)) this.line(`if (${this.boolean(1)}) ${this.c.pick(['break', 'continue'])};`);
      this.statements(1 + this.c.below(3));
    });
    this.line('}');
    this.loops--;
  }

  private choose(): void {
    const count = 1 + this.c.below(4);
    this.line(`switch ((${this.number(2).text}) ${this.c.pick(['& 3', '% 4', '| 0'])}) {`);
    this.block(() => {
      const other = this.c.below(count + 2);
      for (let i = 0; i < count; i++) {
        if (i === other) this.line('default:');
        this.line(`case ${this.c.chance(10) ? 'Kind.C' : i + this.c.pick([0, 0, 1]) * 10}: {`);
        this.block(() => {
          this.statements(this.c.below(3));
          if (this.c.chance(60)) this.line('break;');
        });
        this.line('}');
      }
    });
    this.line('}');
  }

  // ----- expressions

  private number(depth: number): Num {
    const simple = this.c.below(5);
    if (depth <= 0 || this.c.chance(20)) {
      if (simple === 0) {
        const value = this.c.pick(NUMBERS) * (this.c.chance(30) ? -1 : 1);
        return {
          text: value < 0 ? `(${value})` : `${value === 0 ? 0 : value}`,
          known: [value, value],
          real: [value, value],
          constant: true,
        };
      }
      if (simple === 1 && !this.inFunction) return { text: 'p.length', known: U32, real: [14, 1500] };
      if (simple === 2) {
        const [text, value] = this.c.pick([
          ['opt.level', undefined],
          ['opt.far', undefined],
          ['Kind.A', 1],
          ['Kind.C', -9],
          ['Xdp.Pass', 2],
          ['FEW.length', 4],
          ['FEW[3]', -4],
          ['slots.length', SLOTS],
        ] as const);
        if (value !== undefined) return { text, known: [value, value], real: [value, value], constant: true };
        return { text, known: ANY, real: [-77, 3] };
      }
      const variables = this.visible('number');
      if (variables.length > 0 && (this.inFunction || simple === 3)) {
        const { name, known, real } = this.c.pick(variables);
        return { text: name, known, real };
      }
      if (this.inFunction) return { text: '17', known: [17, 17], real: [17, 17], constant: true };
      const field = this.c.pick(Object.keys(FIELDS));
      return { text: `v.${field}`, known: FIELDS[field]!, real: FIELDS[field]! };
    }
    const a = this.number(depth - 1);
    switch (this.c.below(18)) {
      case 17: {
        const b = this.number(depth - 1);
        const both = (x: readonly [number, number], y: readonly [number, number]) =>
          [Math.min(0, x[0], y[0]), Math.max(0, x[1], y[1])] as const;
        return { text: `(${a.text} || ${b.text})`, known: both(a.known, b.known), real: both(a.real, b.real) };
      }
      case 0:
      case 1: {
        const b = this.number(depth - 1);
        return this.kept(
          '+',
          a,
          b,
          [a.known[0] + b.known[0], a.known[1] + b.known[1]],
          [a.real[0] + b.real[0], a.real[1] + b.real[1]],
        );
      }
      case 2: {
        const b = this.number(depth - 1);
        return this.kept(
          '-',
          a,
          b,
          [a.known[0] - b.known[1], a.known[1] - b.known[0]],
          [a.real[0] - b.real[1], a.real[1] - b.real[0]],
        );
      }
      case 3: {
        const b = this.number(depth - 1);
        const ends = a.known.flatMap((x) => b.known.map((y) => x * y));
        const range = [Math.min(...ends), Math.max(...ends)] as const;
        if (range[0] < -SAFE || range[1] > SAFE)
          return { text: `((${a.text}) & 0xffff) * ((${b.text}) & 0x7fff)`, known: [0, 2 ** 31], real: [0, 2 ** 31] };
        const real = a.real.flatMap((x) => b.real.map((y) => x * y));
        return this.kept('*', a, b, range, [Math.min(...real), Math.max(...real)]);
      }
      case 4: {
        const b = this.number(depth - 1);
        const operator = this.c.pick(['&', '|', '^']);
        return {
          text: `(${a.text} ${operator} ${b.text})`,
          known: I32,
          real: I32,
          constant: a.constant === true && b.constant === true,
        };
      }
      case 5: {
        const by = this.c.chance(70) ? { text: String(this.c.below(34)), constant: true } : this.number(depth - 1);
        const operator = this.c.pick(['<<', '>>', '>>>']);
        const range = operator === '>>>' ? U32 : I32;
        return {
          text: `(${a.text} ${operator} ${by.text})`,
          known: range,
          real: range,
          constant: a.constant === true && by.constant === true,
        };
      }
      case 6:
        return { text: `(~(${a.text}))`, known: I32, real: I32, constant: a.constant === true };
      case 7:
        return {
          text: `(-(${a.text}))`,
          known: [-a.known[1], -a.known[0]],
          real: [-a.real[1], -a.real[0]],
          constant: a.constant === true,
        };
      case 8:
      case 9: {
        const by = this.divisor(depth);
        const most = Math.max(Math.abs(a.real[0]), Math.abs(a.real[1]));
        const known = this.c.chance(50) ? ('%' as const) : undefined;
        if (known)
          return { text: `(${a.text} % ${by})`, known: ANY, real: [-most, most], constant: a.constant === true };
        return {
          text: `Math.${this.c.pick(['trunc', 'floor', 'ceil'])}(${a.text} / ${by})`,
          known: ANY,
          real: [-most - 1, most + 1],
        };
      }
      case 10: {
        const b = this.number(depth - 1);
        const least = this.c.chance(50);
        const pick = least ? Math.min : Math.max;
        const both = (x: readonly [number, number], y: readonly [number, number]) =>
          [pick(x[0], y[0]), pick(x[1], y[1])] as const;
        return {
          text: `Math.${least ? 'min' : 'max'}(${a.text}, ${b.text})`,
          known: both(a.known, b.known),
          real: both(a.real, b.real),
        };
      }
      case 11: {
        if (this.c.chance(40)) return { text: `Math.clz32(${a.text})`, known: [0, 32], real: [0, 32] };
        const most = (x: readonly [number, number]) => [0, Math.max(Math.abs(x[0]), Math.abs(x[1]))] as const;
        return { text: `Math.abs(${a.text})`, known: most(a.known), real: most(a.real) };
      }
      case 12: {
        const b = this.number(depth - 1);
        const both = (x: readonly [number, number], y: readonly [number, number]) =>
          [Math.min(x[0], y[0]), Math.max(x[1], y[1])] as const;
        return {
          text: `(${this.boolean(depth - 1)} ? ${a.text} : ${b.text})`,
          known: both(a.known, b.known),
          real: both(a.real, b.real),
        };
      }
      case 13:
        if (this.c.chance(50))
          return { text: `Number(${this.big('u64', depth - 1)} & 0xffffffn)`, known: [0, SAFE], real: [0, 0xffffff] };
        return { text: `Number(BigInt.asIntN(32, ${this.big('i64', depth - 1)}))`, known: ANY, real: I32 };
      case 14: {
        const call = this.call('number', depth);
        return call === undefined ? a : { text: call, known: ANY, real: I32 };
      }
      case 15: {
        const [text, range] = this.c.pick([
          [`(numbers.get(${this.key('numbers')}) ?? ${this.literal()})`, ANY],
          [`(slots.get(${this.key('slots')})?.n ?? ${this.literal()})`, ANY],
          [`(pairs.get(${this.key('pairs')})?.n ?? ${this.literal()})`, ANY],
        ] as const);
        return { text, known: range, real: U32.map((x) => (x === 0 ? -(2 ** 31) : x)) as unknown as [number, number] };
      }
      default:
        return { text: `((${a.text}) | 0)`, known: I32, real: I32, constant: a.constant === true };
    }
  }

  private literal(): string {
    return String(this.c.pick([0, 1, -1, 77, 65536]));
  }

  /** Sums and products that stay exact, or are cut before. */
  private kept(
    operator: string,
    a: Num,
    b: Num,
    known: readonly [number, number],
    real: readonly [number, number],
  ): Num {
    if (real[0] < -SAFE || real[1] > SAFE || (operator === '*' && (known[0] < -SAFE || known[1] > SAFE)))
      return {
        text: `((${a.text}) ${operator === '*' ? '&' : '|'} 0)`,
        known: I32,
        real: I32,
        constant: a.constant === true,
      };
    const range = [Math.max(-SAFE, known[0]), Math.min(SAFE, known[1])] as const;
    return {
      text: `(${a.text} ${operator} ${b.text})`,
      known: range,
      real,
      constant: a.constant === true && b.constant === true,
    };
  }

  /** Never 0. */
  private divisor(depth: number): string {
    if (this.c.chance(60)) {
      const value = this.c.pick(NUMBERS.slice(1)) * (this.c.chance(25) ? -1 : 1);
      return value < 0 ? `(${value})` : String(value);
    }
    return `((${this.number(depth - 1).text}) | 1)`;
  }

  private call(result: 'number' | 'u64' | 'i64' | 'boolean', depth: number): string | undefined {
    const known = this.functions.filter((one) => one.result === result);
    if (known.length === 0) return undefined;
    const { name, params } = this.c.pick(known);
    return `${name}(${params.map((one) => this.valueOf(one as Variable['type'], Math.min(1, depth - 1))).join(', ')})`;
  }

  private big(type: 'u64' | 'i64', depth: number): string {
    const cut = type === 'u64' ? 'BigInt.asUintN' : 'BigInt.asIntN';
    if (depth <= 0 || this.c.chance(20)) {
      const variables = this.visible(type);
      if (variables.length > 0 && this.c.chance(50)) return this.c.pick(variables).name;
      if (this.inFunction || this.c.chance(20)) {
        const value = this.c.pick([0n, 1n, 2n, 63n, 1000n, 0xffffffffn, 1n << 40n, (1n << 62n) + 5n]);
        return `${cut}(64, ${type === 'i64' && this.c.chance(50) ? `(-${value}n)` : `${value}n`})`;
      }
      if (type === 'u64' && this.c.chance(20)) return 'opt.wide';
      return `v.${type}`;
    }
    switch (this.c.below(12)) {
      case 11:
        return `(${this.big(type, depth - 1)} || ${this.big(type, depth - 1)})`;
      case 0:
      case 1:
      case 2:
        return `${cut}(64, ${this.big(type, depth - 1)} ${this.c.pick(['+', '-', '*', '&', '|', '^'])} ${this.big(type, depth - 1)})`;
      case 3:
        return `${cut}(64, ${this.big(type, depth - 1)} ${this.c.pick(['/', '%'])} (${this.big(type, depth - 1)} | 1n))`;
      case 4:
        return `${cut}(64, ${this.big(type, depth - 1)} ${this.c.pick(['<<', '>>'])} ${this.c.below(64)}n)`;
      case 5:
        return `${cut}(${this.c.pick([8, 16, 32, 64])}, ${this.big(this.c.chance(50) ? type : type === 'u64' ? 'i64' : 'u64', depth - 1)})`;
      case 6:
        return type === 'u64'
          ? `BigInt((${this.number(depth - 1).text}) >>> 0)`
          : `${cut}(64, BigInt((${this.number(depth - 1).text}) | 0))`;
      case 7:
        return `(${this.boolean(depth - 1)} ? ${this.big(type, depth - 1)} : ${this.big(type, depth - 1)})`;
      case 8:
        return this.call(type, depth) ?? `${cut}(64, ~${this.big(type, depth - 1)})`;
      case 9:
        return type === 'u64'
          ? `(bigs.get(${this.key('bigs')}) ?? ${this.c.below(9)}n)`
          : `(pairs.get(${this.key('pairs')})?.i ?? ${this.c.pick(['0n', '-5n', '1n'])})`;
      default:
        return `${cut}(64, -${this.big(type, depth - 1)})`;
    }
  }

  private boolean(depth: number): string {
    if (depth <= 0 || this.c.chance(15)) {
      const variables = this.visible('boolean');
      if (variables.length > 0 && this.c.chance(60)) return this.c.pick(variables).name;
      if (this.inFunction) return this.c.pick(['true', 'false', 'opt.on']);
      return this.c.pick(['v.on', 'opt.on', 'v.on', 'numbers.has(v.u8)', '!v.on']);
    }
    const compare = () => this.c.pick(['<', '<=', '>', '>=', '===', '!==']);
    switch (this.c.below(14)) {
      case 12: {
        const sides = [this.big(this.c.pick(['u64', 'i64'] as const), depth - 1), this.c.pick(EDGES)];
        if (this.c.chance(30)) sides.reverse();
        return `(${sides.join(` ${compare()} `)})`;
      }
      case 13:
        return `${this.c.pick(['!', '!!'])}${this.text(true)}`;
      case 0:
      case 1:
      case 2:
        return `(${this.number(depth - 1).text} ${compare()} ${this.number(depth - 1).text})`;
      case 3:
        return this.c.chance(50)
          ? `(${this.big('u64', depth - 1)} ${compare()} ${this.big('u64', depth - 1)})`
          : `(${this.big('i64', depth - 1)} ${compare()} ${this.big('i64', depth - 1)})`;
      case 4: {
        const sides = [this.big(this.c.pick(['u64', 'i64'] as const), depth - 1), this.number(depth - 1).text];
        if (this.c.chance(50)) sides.reverse();
        return `(${sides.join(` ${this.c.pick(['<', '<=', '>', '>='])} `)})`;
      }
      case 5:
        return `(${this.boolean(depth - 1)} && ${this.boolean(depth - 1)})`;
      case 6:
        return `(${this.boolean(depth - 1)} || ${this.boolean(depth - 1)})`;
      case 7:
        return `!${this.boolean(depth - 1)}`;
      case 8:
        return this.c.chance(50)
          ? `[1, 2, 255, -1].includes(${this.number(1).text})`
          : `WORDS.includes(${this.text()})`;
      case 9: {
        const text = this.text(true);
        return this.c.chance(50)
          ? `${text}.startsWith(${JSON.stringify(this.c.pick(TEXTS))})`
          : `(${text} ${this.c.pick(['===', '!=='])} ${this.c.chance(60) ? JSON.stringify(this.c.pick(TEXTS)) : this.text(true)})`;
      }
      case 10:
        return this.c.pick([
          `names.has(${this.text()})`,
          `pairs.has(${this.key('pairs')})`,
          `bigs.delete(${this.key('bigs')})`,
          `(numbers.take(${this.key('numbers')}) !== undefined)`,
        ]);
      default:
        return this.call('boolean', depth) ?? `(${this.boolean(depth - 1)} === ${this.boolean(depth - 1)})`;
    }
  }

  private text(changing = false): string {
    const variables = this.visible('text');
    if (variables.length > 0 && this.c.chance(40)) return this.c.pick(variables).name;
    if (this.inFunction) return 'opt.who';
    const choice = this.c.below(changing ? 3 : 5);
    if (choice === 3) return JSON.stringify(this.c.pick(TEXTS));
    if (choice === 4) return `(${this.boolean(0)} ? v.name : ${this.c.pick(['v.path', "'cat'", 'opt.who'])})`;
    return this.c.pick(['v.name', 'v.path', 'opt.who']);
  }
}
