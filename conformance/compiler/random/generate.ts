import type { CFunction, Expression, IntegerType, Program, Statement } from './program.ts';

/**
 * A random C program in what eBPF has of C, without undefined behaviour (with `-fwrapv -fno-strict-aliasing`): divisors
 * and shift counts are guarded, indexes are masked, loops are counted, everything is initialised, and no expression
 * depends on the order in which its operands are computed. The same seed gives the same program.
 */
export function generateProgram(seed: number): Program {
  return new Generator(seed).program();
}

const TYPES = {
  u8: { name: 'u8', bits: 8, signed: false },
  s8: { name: 's8', bits: 8, signed: true },
  u16: { name: 'u16', bits: 16, signed: false },
  s16: { name: 's16', bits: 16, signed: true },
  u32: { name: 'u32', bits: 32, signed: false },
  s32: { name: 's32', bits: 32, signed: true },
  u64: { name: 'u64', bits: 64, signed: false },
  s64: { name: 's64', bits: 64, signed: true },
  bool: { name: '_Bool', bits: 1, signed: false },
} as const satisfies Record<string, IntegerType>;
const WHOLE = [TYPES.u8, TYPES.s8, TYPES.u16, TYPES.s16, TYPES.u32, TYPES.s32, TYPES.u64, TYPES.s64];
const COMMON = [...WHOLE, TYPES.u32, TYPES.s32, TYPES.u64, TYPES.s32, TYPES.u64, TYPES.bool];

/** Somewhere an integer lies. */
interface Place {
  readonly parts: (string | Expression)[];
  readonly type: IntegerType;
  readonly writable: boolean;
  readonly bits?: number;
}

interface Variable {
  readonly name: string;
  readonly shape: Shape;
  readonly writable: boolean;
  /** A global variable: the kernel does not take pointers that may lead to it or to the stack. */
  readonly global: boolean;
}

type Shape =
  | { readonly kind: 'integer'; readonly type: IntegerType }
  /** `length` is a power of two. */
  | { readonly kind: 'array'; readonly element: Shape; readonly length: number }
  | { readonly kind: 'record'; readonly record: RecordType }
  | { readonly kind: 'pointer'; readonly to: Shape; readonly writable: boolean };

interface RecordType {
  readonly name: string;
  readonly union: boolean;
  readonly fields: readonly { readonly name: string; readonly shape: Shape; readonly bits?: number }[];
  /** No pointers, no bit-fields, no padding: its bytes may be compared. */
  readonly plain: boolean;
}

interface Callable {
  readonly name: string;
  readonly params: readonly Shape[];
  readonly result: IntegerType;
  /** Neither writes anything outside nor through its pointers. */
  readonly pure: boolean;
}

class Generator {
  private readonly name: string;
  /** Most programs are a few statements: many of them find more in the same time. One in sixteen is a large one. */
  private readonly large: boolean;
  private state: number;
  private readonly records: RecordType[] = [];
  private readonly functions: Callable[] = [];
  private readonly declarations: string[] = [];
  private readonly globals: Variable[] = [];
  private scope: Variable[] = [];
  private counter = 0;
  private inLoop = 0;
  /** Nested loops multiply; the product is bounded. */
  private trips = 1;
  private callDepth = 0;
  private indexDepth = 0;
  private pure = false;
  /** What expressions may not read: what the statement around them changes besides its target. */
  private hidden: ReadonlySet<string> = new Set();

  constructor(seed: number) {
    this.name = `p${seed}`;
    this.large = seed % 16 === 0;
    this.state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
    for (let i = 0; i < 4; i++) this.random();
  }

  program(): Program {
    const records = this.below(this.large ? 4 : 2);
    for (let i = 0; i < records; i++) this.record();
    this.inputs();
    const globals = this.large ? 2 + this.below(5) : 1 + this.below(2);
    for (let i = 0; i < globals; i++) this.globalVariable();
    const functions: CFunction[] = [];
    const count = this.below(this.large ? 5 : 2);
    for (let i = 0; i < count; i++) functions.push(this.callable());
    functions.push(this.main());
    return { name: this.name, declarations: this.declarations, functions };
  }

  // Chance.

  private random(): number {
    // xorshift32
    let x = this.state || 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state / 2 ** 32;
  }
  private below(n: number): number {
    return Math.floor(this.random() * n);
  }
  private chance(probability: number): boolean {
    return this.random() < probability;
  }
  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  private fresh(prefix: string): string {
    return `${prefix}${this.counter++}`;
  }

  // Declarations.

  private record(): void {
    const name = `${this.name}_r${this.records.length}`;
    const union = this.chance(0.25);
    const packed = !union && this.chance(0.2);
    const fields: { name: string; shape: Shape; bits?: number }[] = [];
    const text: string[] = [];
    const count = 1 + this.below(5);
    let bitFields = false;
    for (let i = 0; i < count; i++) {
      const field = `f${i}`;
      const roll = this.random();
      const type = this.pick(WHOLE);
      if (roll < 0.3) {
        const base = this.chance(0.1) ? TYPES.bool : type;
        const bits = base.bits === 1 ? 1 : 1 + this.below(base.bits);
        fields.push({ name: field, shape: { kind: 'integer', type: base }, bits });
        text.push(`${base.name} ${field} : ${bits};`);
        bitFields = true;
        if (this.chance(0.1)) text.push(`${base.name} : 0;`);
      } else if (roll < 0.45) {
        const shape: Shape = { kind: 'array', element: { kind: 'integer', type }, length: this.pick([2, 4]) };
        fields.push({ name: field, shape });
        text.push(declare(shape, field));
      } else if (roll < 0.55 && this.records.length > 0 && !union) {
        const shape: Shape = { kind: 'record', record: this.pick(this.records) };
        fields.push({ name: field, shape });
        text.push(declare(shape, field));
      } else {
        fields.push({ name: field, shape: { kind: 'integer', type } });
        text.push(declare({ kind: 'integer', type }, field));
      }
    }
    if (!union && this.chance(0.2)) {
      const a = { name: 'n0', shape: { kind: 'integer', type: this.pick(WHOLE) } } as const;
      const b = { name: 'n1', shape: { kind: 'integer', type: this.pick(WHOLE) } } as const;
      fields.push(a, b);
      const inside = `${declare(a.shape, a.name)} ${declare(b.shape, b.name)}`;
      text.push(`${this.chance(0.5) ? 'union' : 'struct'} { ${inside} };`);
    }
    const plain = packed && !bitFields && fields.every((one) => one.shape.kind !== 'record');
    const keyword = union ? 'union' : 'struct';
    const attribute = packed ? ' __attribute__((packed))' : '';
    this.declarations.push(`${keyword} ${name} { ${text.join(' ')} }${attribute};`);
    this.records.push({ name: `${keyword} ${name}`, union, fields, plain });
  }

  /** Numbers that no compiler may know. */
  private inputs(): void {
    const name = `${this.name}_in`;
    const values = Array.from({ length: 8 }, () => `${this.number(64)}ull`);
    this.declarations.push(`static volatile u64 ${name}[8] = { ${values.join(', ')} };`);
    const shape: Shape = { kind: 'array', element: { kind: 'integer', type: TYPES.u64 }, length: 8 };
    this.globals.push({ name, shape, writable: false, global: true });
  }

  private globalVariable(): void {
    const name = `${this.name}_g${this.globals.length}`;
    const shape = this.shape(0.35, 0.25);
    const zero = this.chance(0.3);
    const constant = !zero && this.chance(0.25);
    const storage = this.chance(0.6) ? 'static ' : '';
    const qualifier = `${constant ? 'const ' : ''}${this.chance(0.25) ? 'volatile ' : ''}`;
    const initialiser = zero ? '' : ` = ${this.constantInitialiser(shape)}`;
    this.declarations.push(`${storage}${qualifier}${declare(shape, name, initialiser)}`);
    this.globals.push({ name, shape, writable: !constant, global: true });
  }

  private shape(arrays: number, records: number): Shape {
    const roll = this.random();
    if (roll < arrays) {
      const length = this.pick([2, 4, 8]);
      if (this.chance(0.15) && this.records.length > 0)
        return { kind: 'array', element: { kind: 'record', record: this.pick(this.records) }, length: 2 };
      if (this.chance(0.15)) {
        const inner: Shape = { kind: 'array', element: { kind: 'integer', type: this.pick(WHOLE) }, length: 2 };
        return { kind: 'array', element: inner, length: 2 };
      }
      return { kind: 'array', element: { kind: 'integer', type: this.pick(WHOLE) }, length };
    }
    if (roll < arrays + records && this.records.length > 0) return { kind: 'record', record: this.pick(this.records) };
    return { kind: 'integer', type: this.pick(COMMON) };
  }

  private constantInitialiser(shape: Shape): string {
    switch (shape.kind) {
      case 'integer':
        return this.literal(shape.type);
      case 'array': {
        const count = this.chance(0.2) ? this.below(shape.length) + 1 : shape.length;
        return `{ ${Array.from({ length: count }, () => this.constantInitialiser(shape.element)).join(', ')} }`;
      }
      case 'record':
        return this.recordInitialiser(shape.record, (inner) => this.constantInitialiser(inner));
      case 'pointer':
        return '0';
    }
  }

  private recordInitialiser(record: RecordType, of: (shape: Shape) => string): string {
    const fields = record.union ? [this.pick(record.fields)] : record.fields.filter(() => this.chance(0.8));
    return `{ ${fields.map((one) => `.${one.name} = ${of(one.shape)}`).join(', ')} }`;
  }

  private callable(): CFunction {
    const pure = this.chance(0.5);
    const kind = this.pick(['ALWAYS', 'ALWAYS', 'NEVER', 'NEVER', 'static', 'static inline', 'GLOBAL'] as const);
    const name = `${this.name}_f${this.functions.length}`;
    const result = this.pick(COMMON);
    const params: Shape[] = [];
    const variables: Variable[] = [];
    const count = 1 + this.below(kind === 'ALWAYS' ? 7 : 5);
    for (let i = 0; i < count; i++) {
      let shape: Shape = { kind: 'integer', type: this.pick(COMMON) };
      if (kind !== 'GLOBAL' && this.chance(0.25)) {
        const to = this.shape(0.2, 0.5);
        shape = { kind: 'pointer', to: to.kind === 'array' ? to.element : to, writable: !pure };
      } else if (kind === 'ALWAYS' && this.records.length > 0 && this.chance(0.2)) {
        shape = { kind: 'record', record: this.pick(this.records) };
      }
      params.push(shape);
      variables.push({ name: `a${i}`, shape, writable: true, global: false });
    }
    const text = params.map((shape, i) => declare(shape, `a${i}`).slice(0, -1)).join(', ');
    this.pure = pure;
    this.callDepth = 1;
    this.trips = 4;
    const body = this.functionBody(variables, result, this.large ? 1 + this.below(4) : 1);
    this.functions.push({ name, params, result, pure });
    return { head: `${kind} ${result.name} ${name}(${text})`, body };
  }

  private main(): CFunction {
    this.pure = false;
    this.callDepth = 0;
    this.trips = 1;
    const body = this.functionBody([], TYPES.u64, this.large ? 3 + this.below(10) : 1 + this.below(3));
    return { head: `static u64 ${this.name}_main(void)`, body };
  }

  private functionBody(params: readonly Variable[], result: IntegerType, size: number): Statement[] {
    this.scope = [...params];
    this.inLoop = 0;
    const body: Statement[] = [];
    const locals = this.large ? 2 + this.below(4) : 1 + this.below(2);
    for (let i = 0; i < locals; i++) body.push(this.local());
    const label = this.chance(0.2) ? this.fresh('L') : undefined;
    body.push(...this.block(size, 0));
    if (label !== undefined) {
      body.push({ pieces: ['if (', this.condition(2), `) goto ${label};`] });
      body.push(...this.block(2, 1));
      body.push({ pieces: [`${label}: ;`], fixed: true });
    }
    body.push({ pieces: ['u64 h = 0;'], fixed: true });
    const visible = [...this.scope, ...(this.callDepth === 0 ? this.globals : [])];
    for (const variable of visible) body.push(...this.digest(variable.name, variable.shape));
    const value = result.bits === 1 ? 'h >> 7 & 1' : 'h ^ h >> 29';
    body.push({ pieces: [`return ${value};`], fixed: true });
    return body;
  }

  /** Statements that mix every number of a variable into `h`. */
  private digest(text: string, shape: Shape): Statement[] {
    switch (shape.kind) {
      case 'integer':
        return [{ pieces: [`MIX(h, ${text});`] }];
      case 'array':
        return Array.from({ length: shape.length }, (_, i) => this.digest(`${text}[${i}]`, shape.element)).flat();
      case 'record': {
        const { fields, union } = shape.record;
        const shown = union ? [fields.reduce((a, b) => (sizeOf(b.shape) < sizeOf(a.shape) ? b : a))] : fields;
        return shown.flatMap((one) => this.digest(`${text}.${one.name}`, one.shape));
      }
      case 'pointer':
        return this.digest(`(*${text})`, shape.to);
    }
  }

  private local(): Statement {
    const name = this.fresh('v');
    const roll = this.random();
    if (roll < 0.15) {
      const target = this.pointee();
      if (target !== undefined) {
        const shape: Shape = { kind: 'pointer', to: target.shape, writable: target.writable };
        const text = declare(shape, name, ' = ').slice(0, -1);
        const statement: Statement = { pieces: [text, ...target.parts, ';'], fixed: true };
        this.scope.push({ name, shape, writable: false, global: target.global });
        return statement;
      }
    }
    const shape = this.shape(0.2, 0.2);
    const statement: Statement = { pieces: this.initialised(name, shape), fixed: true };
    this.scope.push({ name, shape, writable: true, global: false });
    return statement;
  }

  private initialised(name: string, shape: Shape): (string | Expression)[] {
    const qualifier = this.chance(0.05) ? 'volatile ' : '';
    if (shape.kind === 'integer') {
      return [`${qualifier}${declare(shape, name, ' = ').slice(0, -1)}`, this.expression(2), ';'];
    }
    const same = this.variables().filter((one) => !isPointer(one.shape) && sameShape(one.shape, shape));
    if (shape.kind === 'record' && same.length > 0 && this.chance(0.3)) {
      return [declare(shape, name, ` = ${this.pick(same).name}`)];
    }
    const parts: (string | Expression)[] = [`${qualifier}${declare(shape, name, ' = ').slice(0, -1)}`];
    this.initialiser(shape, parts);
    parts.push(';');
    return parts;
  }

  private initialiser(shape: Shape, parts: (string | Expression)[]): void {
    if (shape.kind === 'integer') {
      parts.push(this.chance(0.5) ? this.literal(shape.type) : this.expression(1));
      return;
    }
    parts.push('{ ');
    if (shape.kind === 'array') {
      const ranges = this.chance(0.15);
      const count = this.chance(0.3) ? 1 + this.below(shape.length) : shape.length;
      if (ranges) {
        parts.push(`[0 ... ${count - 1}] = `);
        // A range computes its value once; so it has to be a plain number to be the same for all.
        parts.push(this.constantInitialiser(shape.element));
      } else {
        for (let i = 0; i < count; i++) {
          this.initialiser(shape.element, parts);
          parts.push(', ');
        }
      }
    } else if (shape.kind === 'record') {
      const { fields, union } = shape.record;
      const chosen = union ? [this.first(fields)] : fields.filter(() => this.chance(0.8));
      for (const one of chosen) {
        parts.push(`.${one.name} = `);
        this.initialiser(one.shape, parts);
        parts.push(', ');
      }
    }
    parts.push('}');
  }

  /** The field that an initialiser of a union names: what lies beyond a bit-field would keep any value. */
  private first(fields: RecordType['fields']): RecordType['fields'][number] {
    const whole = fields.filter(({ bits }) => bits === undefined);
    return whole.length > 0 ? this.pick(whole) : fields.reduce((a, b) => (b.bits! > a.bits! ? b : a));
  }

  /** Something of which the address can be taken. */
  private pointee(): { parts: (string | Expression)[]; shape: Shape; writable: boolean; global: boolean } | undefined {
    const candidates = this.variables().filter(
      (one) => !isPointer(one.shape) && !(one.global && (!one.writable || this.pure)) && one.name !== 'h',
    );
    if (candidates.length === 0) return undefined;
    const one = this.pick(candidates);
    const { global } = one;
    const writable = one.writable && !(global && this.pure);
    if (one.shape.kind === 'array') {
      const parts: (string | Expression)[] = [`&${one.name}`];
      let shape: Shape = one.shape;
      for (; shape.kind === 'array'; shape = shape.element) parts.push('[', this.index(shape.length), ']');
      return { parts, shape, writable, global };
    }
    const twin = candidates.find(
      (other) =>
        other !== one &&
        other.global === global &&
        sameShape(other.shape, one.shape) &&
        other.writable === one.writable,
    );
    if (twin !== undefined && this.chance(0.5)) {
      return {
        parts: ['(', this.condition(1), `) ? &${one.name} : &${twin.name}`],
        shape: one.shape,
        writable,
        global,
      };
    }
    return { parts: [`&${one.name}`], shape: one.shape, writable, global };
  }

  // Statements.

  private block(size: number, depth: number): Statement[] {
    const out: Statement[] = [];
    for (let i = 0; i < size; i++) out.push(...this.statement(depth));
    return out;
  }

  private inner(depth: number): Statement[] {
    const before = this.scope.length;
    const out: Statement[] = [];
    if (this.chance(0.3)) out.push(this.local());
    out.push(...this.block(1 + this.below(3), depth + 1));
    this.scope.length = before;
    return out;
  }

  private statement(depth: number): Statement[] {
    const roll = this.random();
    if (depth < 3) {
      if (roll < 0.12) return [this.conditional(depth)];
      if (roll < 0.2) return [this.loop(depth)];
      if (roll < 0.25) return [this.switch(depth)];
      if (roll < 0.27) return this.skip(depth);
    }
    if (this.inLoop > 0 && roll > 0.96)
      return [{ pieces: ['if (', this.condition(2), `) ${this.pick(['break', 'continue'])};`] }];
    if (roll < 0.33) return [this.step()];
    if (roll < 0.4) return [this.memory()];
    if (roll < 0.5 && this.functions.length > 0) return [this.callStatement()];
    if (roll < 0.52) return [this.barrier()];
    if (roll < 0.55) return [this.atomic()];
    if (roll < 0.57) return [this.overflow()];
    if (roll < 0.58) return [this.walk()];
    if (depth < 3 && roll < 0.59) return this.jumpBack(depth);
    if (depth < 3 && roll < 0.6) return [this.jumpAnywhere(depth)];
    if (roll < 0.63) return [this.wholeAssignment()];
    return [this.assignment()];
  }

  private conditional(depth: number): Statement {
    const pieces: Statement['pieces'] = ['if (', this.condition(2), ') ', this.inner(depth)];
    if (this.chance(0.4)) pieces.push(' else ', this.inner(depth));
    return { pieces };
  }

  private loop(depth: number): Statement {
    const most = Math.max(1, Math.floor(64 / this.trips));
    const trips = 1 + this.below(Math.min(most, this.chance(0.1) ? 40 : 8));
    if (this.callDepth > 0 && trips * this.trips > 64) return this.step();
    const name = this.fresh('i');
    const type = this.pick([TYPES.u32, TYPES.s32, TYPES.u8, TYPES.u64, TYPES.s64]);
    const outer = this.trips;
    this.trips *= trips;
    this.inLoop += 1;
    const before = this.scope.length;
    this.scope.push({ name, shape: { kind: 'integer', type }, writable: false, global: false });
    const body = this.inner(depth);
    this.scope.length = before;
    this.inLoop -= 1;
    this.trips = outer;
    const unroll = this.chance(0.15) ? '_Pragma("GCC unroll 4") ' : '';
    switch (this.below(4)) {
      case 0:
        return { pieces: [`for (${type.name} ${name} = 0; ${name} < ${trips}; ${name}++) `, body] };
      case 1:
        return { pieces: [`for (${type.name} ${name} = ${trips}; ${name} > 0; ${name}--) `, body] };
      case 2:
        return {
          pieces: [
            [
              { pieces: [`${type.name} ${name} = 0;`], fixed: true },
              { pieces: [`while (${name}++ < ${trips}) `, body] },
            ],
          ],
        };
      default:
        return {
          pieces: [
            [
              { pieces: [`${type.name} ${name} = ${trips};`], fixed: true },
              { pieces: [`${unroll === '' ? '' : ''}do `, body, ` while (--${name} > 0);`] },
            ],
          ],
        };
    }
  }

  private switch(depth: number): Statement {
    const type = this.pick([TYPES.u8, TYPES.s8, TYPES.u32, TYPES.s32, TYPES.u64]);
    const small = this.chance(0.6);
    const subject = small ? this.masked(7) : this.converted(type, this.expression(2));
    const inside: Statement[] = [];
    const count = 1 + this.below(small ? 5 : 8);
    const used = new Set<number>();
    for (let i = 0; i < count; i++) {
      const value = small ? this.below(8) : this.below(100);
      if (used.has(value)) continue;
      used.add(value);
      const to = value + 1 + this.below(2);
      const range = this.chance(0.15) && !used.has(value + 1) && !used.has(value + 2);
      if (range) for (let v = value; v <= to; v++) used.add(v);
      inside.push({ pieces: [range ? `case ${value} ... ${to}: ;` : `case ${value}: ;`], fixed: true });
      const before = this.scope.length;
      inside.push({ pieces: [this.block(1 + this.below(2), depth + 1)] });
      this.scope.length = before;
      if (this.chance(0.7)) inside.push({ pieces: ['break;'] });
    }
    if (this.chance(0.6)) {
      inside.push({ pieces: ['default: ;'], fixed: true }, { pieces: [this.inner(depth)] });
    }
    return { pieces: ['switch (', subject, ') ', inside] };
  }

  /** Jumps over a few statements. */
  private skip(depth: number): Statement[] {
    const label = this.fresh('L');
    return [
      {
        pieces: [
          [
            { pieces: ['if (', this.condition(2), `) goto ${label};`] },
            ...this.block(1 + this.below(2), depth + 1),
            { pieces: [`${label}: ;`], fixed: true },
          ],
        ],
      },
    ];
  }

  private assignment(): Statement {
    const place = this.place(true);
    if (place === undefined) return { pieces: [';'] };
    const { parts, type } = place;
    const value = this.expression(this.chance(0.2) ? 4 : 2);
    const roll = this.random();
    if (roll < 0.5 || type.bits === 1) return { pieces: [...parts, ' = ', value, ';'] };
    if (roll < 0.85) return { pieces: [...parts, ` ${this.pick(['+=', '-=', '*=', '&=', '|=', '^='])} `, value, ';'] };
    if (roll < 0.93 && place.bits === undefined) {
      const mask = (type.bits === 64 ? 64 : 32) - 1;
      return { pieces: [...parts, ` ${this.pick(['<<=', '>>='])} (`, value, `) & ${mask};`] };
    }
    return { pieces: [...parts, ` ${this.pick(['/=', '%='])} ${this.pick([1, 2, 3, 7, 10, 16, 100, 255, 1000])};`] };
  }

  /** `x++` and its like, alone or as the value of something that does not read x. */
  private step(): Statement {
    const place = this.place(true, true);
    if (place === undefined) return { pieces: [';'] };
    const { parts, type } = place;
    const name = String(parts[0]);
    const stepped = this.pick([
      ['', '++'],
      ['', '--'],
      ['++', ''],
      ['--', ''],
    ]);
    if (type.bits === 1) return { pieces: [name, ' = !', name, ';'] };
    if (this.chance(0.5)) return { pieces: [stepped[0]!, name, stepped[1]!, ';'] };
    this.hidden = new Set([name]);
    const target = this.place(true);
    const other = this.expression(2);
    this.hidden = new Set();
    if (target === undefined) return { pieces: [';'] };
    return {
      pieces: [
        ...target.parts,
        ` = ${stepped[0]}${name}${stepped[1]} ${this.pick(['+', '^', '-', '*'])} (`,
        other,
        ');',
      ],
    };
  }

  private memory(): Statement {
    const targets = this.variables().filter(
      (one) => this.changeable(one) && one.shape.kind !== 'pointer' && !this.isVolatile(one),
    );
    if (targets.length === 0) return { pieces: [';'] };
    const target = this.pick(targets);
    const { name } = target;
    const sources = this.variables().filter(
      (one) => one !== target && sameShape(one.shape, target.shape) && !this.isVolatile(one),
    );
    if (sources.length > 0 && this.chance(0.6)) {
      const copy = this.pick(['memcpy', 'memmove']);
      return { pieces: [`__builtin_${copy}(&${name}, &${this.pick(sources).name}, sizeof(${name}));`] };
    }
    // Of 32 bytes that overlap gcc -O0 copies the first half before it has read the second.
    const overlaps =
      target.shape.kind === 'array' && target.shape.element.kind === 'integer' && sizeOf(target.shape) < 512;
    if (overlaps && this.chance(0.3)) {
      const { length } = target.shape;
      const half = `${length / 2} * sizeof(${name}[0])`;
      return { pieces: [`__builtin_memmove(&${name}[${length / 2 - 1}], &${name}[0], ${half});`] };
    }
    if (hasBool(target.shape)) return { pieces: [`__builtin_memset(&${name}, 0, sizeof(${name}));`] };
    const byte: string | Expression = this.chance(0.6)
      ? this.pick(['0', '255', '0x5a', '-1', '1'])
      : this.expression(1);
    return { pieces: [`__builtin_memset(&${name}, `, byte, `, sizeof(${name}));`] };
  }

  private wholeAssignment(): Statement {
    const targets = this.variables().filter((one) => this.changeable(one) && one.shape.kind === 'record');
    if (targets.length === 0) return this.assignment();
    const target = this.pick(targets);
    const { record } = target.shape as Extract<Shape, { kind: 'record' }>;
    const sources = this.variables().filter((one) => sameShape(one.shape, target.shape));
    const roll = this.random();
    if (roll < 0.6) return { pieces: [`${target.name} = ${this.pick(sources).name};`] };
    const parts: (string | Expression)[] = [`${target.name} = (${record.name})`];
    this.initialiser(target.shape, parts);
    return { pieces: [...parts, ';'] };
  }

  private callStatement(): Statement {
    const candidates = this.functions.filter((one) => !(this.pure && !one.pure));
    if (candidates.length === 0 || this.trips > 32) return this.assignment();
    const call = this.call(this.pick(candidates), 2);
    if (call === undefined) return this.assignment();
    const name = this.pick(['=', '=', '+=', '^=']);
    // What the callee changes must not be read or computed by the rest of the statement.
    const target = this.place(true, true);
    if (target === undefined || target.type.bits === 1 || this.chance(0.1)) return { pieces: ['(void)', call, ';'] };
    if (name === '=') return { pieces: [...target.parts, ' = ', call, ';'] };
    const temporary = this.fresh('t');
    return {
      pieces: [
        [
          { pieces: [`${call.type.name} ${temporary} = `, call, ';'], fixed: true },
          { pieces: [...target.parts, ` ${name} ${temporary};`] },
        ],
      ],
    };
  }

  /** A value of which the compiler is told to know nothing. */
  private barrier(): Statement {
    const variables = this.variables().filter(
      (one) => this.changeable(one) && !one.global && one.shape.kind === 'integer' && one.shape.type.bits >= 32,
    );
    if (variables.length === 0 || this.chance(0.2)) return { pieces: ['asm volatile("" ::: "memory");'] };
    return { pieces: [`asm volatile("" : "+r"(${this.pick(variables).name}));`] };
  }

  private atomic(): Statement {
    const variables = this.variables().filter(
      (one) => this.changeable(one) && one.shape.kind === 'integer' && one.shape.type.bits >= 32,
    );
    if (variables.length === 0) return this.assignment();
    const { name, shape } = this.pick(variables);
    // All else is refused for the older instruction sets.
    if (this.chance(0.7)) return { pieces: [`__sync_fetch_and_add(&${name}, `, this.expression(2), ');'] };
    const { type } = shape as Extract<Shape, { kind: 'integer' }>;
    const op = this.pick(['fetch_and_add', 'fetch_and_add', 'fetch_and_or', 'fetch_and_and', 'fetch_and_xor', 'swap']);
    const written = op === 'swap' ? '__atomic_exchange_n' : `__sync_${op}`;
    const order = op === 'swap' ? ', 5' : '';
    // What the operation changes is not read by its operand: who comes first is the compiler's choice.
    this.hidden = new Set([name]);
    const operand = this.expression(2);
    const target = this.chance(0.5) ? this.place(true, true) : undefined;
    this.hidden = new Set();
    if (target === undefined || target.type.bits === 1)
      return { pieces: [`${written}(&${name}, `, operand, `${order});`] };
    if (this.chance(0.3)) {
      const cast = `(${type.name})`;
      return {
        pieces: [
          ...target.parts,
          ` = __sync_val_compare_and_swap(&${name}, ${cast}(${name}), ${cast}(`,
          operand,
          '));',
        ],
      };
    }
    return { pieces: [...target.parts, ` = ${written}(&${name}, `, operand, `${order});`] };
  }

  /** Sums, differences and products that may not fit. */
  private overflow(): Statement {
    const target = this.place(true, true);
    if (target === undefined || target.type.bits === 1) return this.assignment();
    const name = String(target.parts[0]);
    const bad = this.fresh('o');
    const result = this.fresh('o');
    const op = this.pick(['add', 'sub', 'mul']);
    const type = this.pick(WHOLE);
    return {
      pieces: [
        [
          { pieces: [`${type.name} ${result};`], fixed: true },
          {
            pieces: [
              `_Bool ${bad} = __builtin_${op}_overflow(`,
              this.expression(2),
              ', ',
              this.expression(2),
              `, &${result});`,
            ],
            fixed: true,
          },
          { pieces: [`${name} ${this.pick(['=', '+=', '^='])} ${result} * 2 + ${bad};`] },
        ],
      ],
    };
  }

  /** A pointer that goes over an array. */
  private walk(): Statement {
    const arrays = this.variables().filter(
      (one) => one.shape.kind === 'array' && one.shape.element.kind === 'integer' && !this.isVolatile(one),
    );
    const target = this.place(true, true);
    if (arrays.length === 0 || target === undefined || target.type.bits === 1) return this.assignment();
    const array = this.pick(arrays);
    const { element, length } = array.shape as Extract<Shape, { kind: 'array' }>;
    const at = this.fresh('w');
    const from = this.below(length);
    const step = this.pick([`${at}++`, `++${at}`, `${at} += 1`]);
    const used = this.pick([`*${at}`, `${at}[0]`, `(${at} - ${array.name})`, `*${at} * (int)(${at} - ${array.name})`]);
    const end = this.pick([`${at} < ${array.name} + ${length}`, `${at} != &${array.name}[${length}]`]);
    const pointer = declare({ kind: 'pointer', to: element, writable: false }, at, ` = ${array.name} + ${from}`);
    return {
      pieces: [[{ pieces: [`for (${pointer} ${end}; ${step}) ${String(target.parts[0])} ^= ${used};`] }]],
    };
  }

  /** A loop made of a label and a jump. */
  private jumpBack(depth: number): Statement[] {
    if (this.trips > 16) return [this.step()];
    const label = this.fresh('L');
    const count = this.fresh('i');
    const trips = 1 + this.below(3);
    this.trips *= trips + 1;
    const body = this.inner(depth);
    this.trips /= trips + 1;
    return [
      {
        pieces: [
          [
            { pieces: [`u32 ${count} = 0;`], fixed: true },
            { pieces: [`${label}: ;`], fixed: true },
            { pieces: [body] },
            { pieces: [`if (${count}++ < ${trips}) goto ${label};`] },
          ],
        ],
      },
    ];
  }

  /** A jump to one of several labels by a table. */
  private jumpAnywhere(depth: number): Statement {
    const labels = [this.fresh('L'), this.fresh('L'), this.fresh('L')];
    const end = this.fresh('L');
    const table = this.fresh('t');
    const inside: Statement[] = [
      {
        pieces: [`const void *${table}[4] = { ${[...labels, end].map((one) => `&&${one}`).join(', ')} };`],
        fixed: true,
      },
      { pieces: [`goto *${table}[`, this.masked(3), '];'], fixed: true },
    ];
    for (const label of labels) {
      inside.push({ pieces: [`${label}: ;`], fixed: true }, { pieces: [this.inner(depth)] });
      if (this.chance(0.5)) inside.push({ pieces: [`goto ${end};`], fixed: true });
    }
    inside.push({ pieces: [`${end}: ;`], fixed: true });
    return { pieces: [inside] };
  }

  // Places.

  private variables(): Variable[] {
    const out: Variable[] = [];
    for (const one of this.scope) if (!this.isHidden(one)) out.push(one);
    for (const one of this.globals) if (!(this.pure && one.writable) && !this.isHidden(one)) out.push(one);
    return out;
  }

  /** Pointers may lead to what is hidden. */
  private isHidden(variable: Variable): boolean {
    return this.hidden.size > 0 && (this.hidden.has(variable.name) || isPointer(variable.shape));
  }

  private changeable(variable: Variable): boolean {
    return variable.writable && !(variable.global && this.pure);
  }

  private isVolatile(variable: Variable): boolean {
    return (
      this.declarations.some((text) => text.includes(' volatile ') && text.includes(variable.name)) ||
      variable.name.endsWith('_in')
    );
  }

  /** `plain`: a variable by its name. */
  private place(write: boolean, plain = false): Place | undefined {
    for (let attempt = 0; attempt < 8; attempt++) {
      const variable = this.pick(this.variables());
      if (variable === undefined) return undefined;
      if (variable.shape.kind !== 'pointer' && write && !this.changeable(variable)) continue;
      if (plain && (variable.shape.kind !== 'integer' || variable.name.startsWith('i'))) continue;
      const place = this.within([variable.name], variable.shape, variable.writable, write);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  private within(parts: (string | Expression)[], shape: Shape, writable: boolean, write: boolean): Place | undefined {
    switch (shape.kind) {
      case 'integer':
        return { parts, type: shape.type, writable };
      case 'array':
        return this.within([...parts, '[', this.index(shape.length), ']'], shape.element, writable, write);
      case 'record': {
        const field = this.pick(shape.record.fields);
        return this.field([...parts, `.${field.name}`], field, writable, write);
      }
      case 'pointer': {
        if (write && !shape.writable) return undefined;
        const { to } = shape;
        if (to.kind === 'record') {
          const field = this.pick(to.record.fields);
          return this.field([...parts, `->${field.name}`], field, writable, write);
        }
        return this.within(['(*', ...parts, ')'], to, writable, write);
      }
    }
  }

  /** GCC computes with bit-fields wider than int in their own width, so that they are read through a cast. */
  private field(
    parts: (string | Expression)[],
    field: RecordType['fields'][number],
    writable: boolean,
    write: boolean,
  ): Place | undefined {
    if (field.bits === undefined || field.shape.kind !== 'integer')
      return this.within(parts, field.shape, writable, write);
    const { type } = field.shape;
    return { parts: write ? parts : [`((${type.name})`, ...parts, ')'], type, writable, bits: field.bits };
  }

  private index(length: number): Expression {
    if (this.indexDepth > 1 || this.chance(0.5)) return literal(TYPES.s32, String(this.below(length)));
    this.indexDepth += 1;
    const index = this.masked(length - 1);
    this.indexDepth -= 1;
    return index;
  }

  private masked(mask: number): Expression {
    return { type: TYPES.u32, parts: ['((u32)(', this.expression(1), `) & ${mask})`] };
  }

  // Expressions.

  private condition(depth: number): Expression {
    if (this.chance(0.5)) return this.comparison(depth);
    return this.expression(depth);
  }

  private expression(depth: number): Expression {
    if (depth <= 0 || this.chance(0.1)) return this.leaf();
    const roll = this.random();
    if (roll < 0.32) return this.arithmetic(depth);
    if (roll < 0.4) return this.shift(depth);
    if (roll < 0.46) return this.division(depth);
    if (roll < 0.55) return this.comparison(depth);
    if (roll < 0.6) return this.logical(depth);
    if (roll < 0.67) return this.converted(this.pick(COMMON), this.expression(depth - 1));
    if (roll < 0.74) return this.unary(depth);
    if (roll < 0.8) return this.ternary(depth);
    if (roll < 0.82) return this.comma(depth);
    if (roll < 0.86) return this.swap(depth);
    if (roll < 0.89) return this.statementExpression(depth);
    if (roll < 0.92) return this.compound(depth);
    if (roll < 0.94) return this.comparedMemory() ?? this.leaf();
    if (roll < 0.98) {
      const pure = this.functions.filter((one) => one.pure);
      if (pure.length > 0 && this.trips <= 16) {
        const call = this.call(this.pick(pure), depth - 1);
        if (call !== undefined) return call;
      }
    }
    return this.leaf();
  }

  private leaf(): Expression {
    if (this.chance(0.3)) {
      const type = this.pick(COMMON);
      return literal(type, this.literal(type));
    }
    const place = this.place(false);
    if (place === undefined) return literal(TYPES.s32, '1');
    return { type: place.type, parts: place.parts };
  }

  private arithmetic(depth: number): Expression {
    const a = this.expression(depth - 1);
    const b = this.expression(depth - 1);
    const op = this.pick(['+', '-', '*', '&', '|', '^', '+', '-', '&']);
    return { type: usual(a.type, b.type), parts: ['(', a, ` ${op} `, b, ')'] };
  }

  private shift(depth: number): Expression {
    const a = this.expression(depth - 1);
    const type = promoted(a.type);
    const op = this.pick(['<<', '>>']);
    if (this.chance(0.6)) return { type, parts: ['(', a, ` ${op} ${this.below(type.bits)})`] };
    return { type, parts: ['(', a, ` ${op} (`, this.expression(depth - 1), ` & ${type.bits - 1}))`] };
  }

  private division(depth: number): Expression {
    const a = this.expression(depth - 1);
    const op = this.pick(['/', '%']);
    if (this.chance(0.5)) {
      const by = this.pick([2, 3, 5, 7, 8, 10, 16, 100, 255, 256, 1000, 4096, 1000000, 1000000007]);
      const sign = this.chance(0.2) ? '-' : '';
      // Minus something of a type without sign is a large number, which is fine too.
      return { type: promoted(a.type), parts: ['(', a, ` ${op} (${promoted(a.type).name})${sign}${by})`] };
    }
    const b = this.expression(depth - 1);
    const type = usual(a.type, b.type);
    const [x, y] = [this.fresh('n'), this.fresh('d')];
    const bad = type.signed ? `${y} == 0 || ${y} == -1` : `${y} == 0`;
    return {
      type,
      parts: [`({ ${type.name} ${x} = `, a, `, ${y} = `, b, `; ${bad} ? ${x} : ${x} ${op} ${y}; })`],
    };
  }

  private comparison(depth: number): Expression {
    const op = this.pick(['==', '!=', '<', '<=', '>', '>=']);
    return { type: TYPES.s32, parts: ['(', this.expression(depth - 1), ` ${op} `, this.expression(depth - 1), ')'] };
  }

  private logical(depth: number): Expression {
    const op = this.pick(['&&', '||']);
    return { type: TYPES.s32, parts: ['(', this.condition(depth - 1), ` ${op} `, this.condition(depth - 1), ')'] };
  }

  private unary(depth: number): Expression {
    const a = this.expression(depth - 1);
    const op = this.pick(['-', '~', '!']);
    return { type: op === '!' ? TYPES.s32 : promoted(a.type), parts: [`(${op}(`, a, '))'] };
  }

  private ternary(depth: number): Expression {
    const a = this.expression(depth - 1);
    const b = this.expression(depth - 1);
    const type = usual(a.type, b.type);
    if (this.chance(0.15)) return { type, parts: ['(', a, ' ?: ', b, ')'] };
    return { type, parts: ['(', this.condition(depth - 1), ' ? ', a, ' : ', b, ')'] };
  }

  private comma(depth: number): Expression {
    const b = this.expression(depth - 1);
    return { type: b.type, parts: ['(', this.expression(depth - 1), ', ', b, ')'] };
  }

  private swap(depth: number): Expression {
    const type = this.pick([TYPES.u16, TYPES.u32, TYPES.u64]);
    return { type, parts: [`__builtin_bswap${type.bits}(`, this.expression(depth - 1), ')'] };
  }

  private statementExpression(depth: number): Expression {
    const type = this.pick(WHOLE);
    const name = this.fresh('x');
    const parts: (string | Expression)[] = [`({ ${type.name} ${name} = `, this.expression(depth - 1), '; '];
    if (this.chance(0.4)) parts.push(`${name} ${this.pick(['+=', '^=', '|='])} `, this.expression(1), '; ');
    if (this.chance(0.3)) parts.push('if (', this.comparison(1), `) ${name} = `, this.expression(1), '; ');
    parts.push(`${name}; })`);
    return { type, parts };
  }

  private compound(depth: number): Expression {
    if (this.records.length > 0 && this.chance(0.5)) {
      const record = this.pick(this.records);
      const fields = record.fields.filter((one) => one.shape.kind === 'integer');
      if (fields.length > 0) {
        const field = this.pick(fields);
        const parts: (string | Expression)[] = ['(', `(${record.name})`];
        if (record.union) {
          parts.push(`{ .${field.name} = `, this.expression(depth - 1), ' }');
        } else this.initialiser({ kind: 'record', record }, parts);
        parts.push(`.${field.name})`);
        const { type } = field.shape as Extract<Shape, { kind: 'integer' }>;
        return this.bitField(type, field.bits, parts);
      }
    }
    const type = this.pick(WHOLE);
    const elements = [this.expression(depth - 1), this.expression(depth - 1)];
    return { type, parts: [`((${type.name}[2]){ `, elements[0]!, ', ', elements[1]!, ' }[', this.index(2), '])'] };
  }

  /** Bit-fields narrower than int promote to int; the cast makes them what they are declared as. */
  private bitField(type: IntegerType, _bits: number | undefined, parts: (string | Expression)[]): Expression {
    return { type, parts: [`((${type.name})`, ...parts, ')'] };
  }

  private comparedMemory(): Expression | undefined {
    const plain = this.variables().filter(
      (one) => !this.isVolatile(one) && one.shape.kind === 'array' && one.shape.element.kind === 'integer',
    );
    if (plain.length === 0) return undefined;
    const one = this.pick(plain);
    const other = this.pick(plain.filter((two) => sameShape(two.shape, one.shape)));
    const op = this.pick(['== 0', '!= 0', '< 0', '> 0']);
    return { type: TYPES.s32, parts: [`(__builtin_memcmp(${one.name}, ${other.name}, sizeof(${one.name})) ${op})`] };
  }

  private call(callee: Callable, depth: number): Expression | undefined {
    const parts: (string | Expression)[] = [`${callee.name}(`];
    for (const [i, shape] of callee.params.entries()) {
      if (i > 0) parts.push(', ');
      switch (shape.kind) {
        case 'integer':
          parts.push(this.expression(Math.min(depth, 1)));
          break;
        case 'pointer': {
          const fitting = this.variables().filter(
            (one) =>
              !this.isVolatile(one) &&
              (this.changeable(one) || (!shape.writable && !one.global)) &&
              sameShape(one.shape, shape.to),
          );
          if (fitting.length === 0) {
            if (shape.to.kind === 'integer') parts.push(`&(${shape.to.type.name}){ `, this.expression(1), ' }');
            else if (shape.to.kind === 'record') {
              parts.push(`&(${shape.to.record.name})`);
              this.initialiser(shape.to, parts);
            } else return undefined;
          } else parts.push(`&${this.pick(fitting).name}`);
          break;
        }
        case 'record': {
          const fitting = this.variables().filter((one) => sameShape(one.shape, shape));
          if (fitting.length > 0) parts.push(this.pick(fitting).name);
          else {
            parts.push(`(${shape.record.name})`);
            this.initialiser(shape, parts);
          }
          break;
        }
        case 'array':
          return undefined;
      }
    }
    parts.push(')');
    return { type: callee.result, parts };
  }

  private converted(type: IntegerType, value: Expression): Expression {
    return { type, parts: [`((${type.name})`, value, ')'] };
  }

  // Numbers.

  private literal(type: IntegerType): string {
    if (type.bits === 1) return this.pick(['0', '1']);
    const bits = type.signed ? type.bits - 1 : type.bits;
    let value = this.number(bits);
    if (this.chance(0.6))
      value = BigInt.asUintN(bits, BigInt(this.pick([0, 1, 2, 3, 7, 8, 15, 16, 31, 64, 100, 127, 128, 255, 256])));
    const minus = type.signed && this.chance(0.3) ? '-' : '';
    const suffix = type.bits === 64 ? (type.signed ? 'll' : 'ull') : type.bits === 32 && !type.signed ? 'u' : '';
    return type.bits < 32
      ? `((${type.name})${minus}${value})`
      : minus
        ? `(${minus}${value}${suffix})`
        : `${value}${suffix}`;
  }

  private number(bits: number): bigint {
    const edge = [
      0n,
      1n,
      -1n,
      127n,
      128n,
      255n,
      0x7fffn,
      0x8000n,
      0xffffn,
      0x7fffffffn,
      0x80000000n,
      0xffffffffn,
      0x7fffffffffffffffn,
    ];
    const any = (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32));
    return BigInt.asUintN(bits, this.chance(0.4) ? this.pick(edge) : any >> BigInt(this.below(64)));
  }
}

function literal(type: IntegerType, text: string): Expression {
  return { type, parts: [type.bits === 1 ? `((_Bool)${text})` : text] };
}

function declare(shape: Shape, name: string, initialiser = ''): string {
  let inner: Shape = shape;
  let suffix = '';
  let prefix = '';
  for (;;) {
    if (inner.kind === 'array') {
      suffix += `[${inner.length}]`;
      inner = inner.element;
    } else if (inner.kind === 'pointer') {
      prefix += inner.writable ? '*' : 'const *';
      inner = inner.to;
    } else break;
  }
  const base = inner.kind === 'integer' ? inner.type.name : inner.record.name;
  return prefix.startsWith('const')
    ? `const ${base} *${name}${suffix}${initialiser};`
    : `${base} ${prefix}${name}${suffix}${initialiser};`;
}

function isPointer(shape: Shape): boolean {
  return shape.kind === 'pointer';
}

function sameShape(a: Shape, b: Shape): boolean {
  if (a.kind === 'integer') return b.kind === 'integer' && a.type === b.type;
  if (a.kind === 'array') return b.kind === 'array' && a.length === b.length && sameShape(a.element, b.element);
  if (a.kind === 'record') return b.kind === 'record' && a.record === b.record;
  return false;
}

function sizeOf(shape: Shape): number {
  switch (shape.kind) {
    case 'integer':
      return shape.type.bits;
    case 'array':
      return shape.length * sizeOf(shape.element);
    case 'record':
      return shape.record.fields.reduce((sum, one) => sum + sizeOf(one.shape), 0);
    case 'pointer':
      return 64;
  }
}

function hasBool(shape: Shape): boolean {
  if (shape.kind === 'integer') return shape.type.bits === 1;
  if (shape.kind === 'array') return hasBool(shape.element);
  return shape.kind === 'record' && shape.record.fields.some((one) => hasBool(one.shape));
}

function promoted(type: IntegerType): IntegerType {
  return type.bits < 32 ? TYPES.s32 : type;
}

function usual(a: IntegerType, b: IntegerType): IntegerType {
  const [x, y] = [promoted(a), promoted(b)];
  if (x.bits !== y.bits) return x.bits > y.bits ? x : y;
  return x.signed ? y : x;
}
