import { Expressions } from './expressions.ts';
import type { Expression, Statement } from './program.ts';
import { declare, hasBool, isPointer, type Shape, sameShape, sizeOf, TYPES, WHOLE } from './shapes.ts';

/** Statements: what they change, where they go on. */
export abstract class Statements extends Expressions {
  protected block(size: number, depth: number): Statement[] {
    const out: Statement[] = [];
    for (let i = 0; i < size; i++) out.push(...this.statement(depth));
    return out;
  }

  protected inner(depth: number): Statement[] {
    const before = this.scope.length;
    const out: Statement[] = [];
    if (this.chance(0.3)) out.push(this.local());
    out.push(...this.block(1 + this.below(3), depth + 1));
    this.scope.length = before;
    return out;
  }

  protected statement(depth: number): Statement[] {
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

  protected conditional(depth: number): Statement {
    const pieces: Statement['pieces'] = ['if (', this.condition(2), ') ', this.inner(depth)];
    if (this.chance(0.4)) pieces.push(' else ', this.inner(depth));
    return { pieces };
  }

  protected loop(depth: number): Statement {
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

  protected switch(depth: number): Statement {
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
  protected skip(depth: number): Statement[] {
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

  protected assignment(): Statement {
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
  protected step(): Statement {
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

  protected memory(): Statement {
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

  protected wholeAssignment(): Statement {
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

  protected callStatement(): Statement {
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
  protected barrier(): Statement {
    const variables = this.variables().filter(
      (one) => this.changeable(one) && !one.global && one.shape.kind === 'integer' && one.shape.type.bits >= 32,
    );
    if (variables.length === 0 || this.chance(0.2)) return { pieces: ['asm volatile("" ::: "memory");'] };
    return { pieces: [`asm volatile("" : "+r"(${this.pick(variables).name}));`] };
  }

  protected atomic(): Statement {
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
  protected overflow(): Statement {
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
  protected walk(): Statement {
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
  protected jumpBack(depth: number): Statement[] {
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
  protected jumpAnywhere(depth: number): Statement {
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

  protected local(): Statement {
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

  protected initialised(name: string, shape: Shape): (string | Expression)[] {
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

  /** Something of which the address can be taken. */
  protected pointee():
    | { parts: (string | Expression)[]; shape: Shape; writable: boolean; global: boolean }
    | undefined {
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
}
