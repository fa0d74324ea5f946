import type { CFunction, IntegerType, Program, Statement } from './program.ts';
import { COMMON, declare, type Shape, sizeOf, TYPES, type Variable, WHOLE } from './shapes.ts';
import { Statements } from './statements.ts';

/**
 * A random C program in what eBPF has of C, without undefined behaviour (with `-fwrapv -fno-strict-aliasing`): divisors
 * and shift counts are guarded, indexes are masked, loops are counted, everything is initialised, and no expression
 * depends on the order in which its operands are computed. The same seed gives the same program.
 */
export function generateProgram(seed: number): Program {
  return new Generator(seed).program();
}

/** What a program declares, and its functions. */
class Generator extends Statements {
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

  protected record(): void {
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
  protected inputs(): void {
    const name = `${this.name}_in`;
    const values = Array.from({ length: 8 }, () => `${this.number(64)}ull`);
    this.declarations.push(`static volatile u64 ${name}[8] = { ${values.join(', ')} };`);
    const shape: Shape = { kind: 'array', element: { kind: 'integer', type: TYPES.u64 }, length: 8 };
    this.globals.push({ name, shape, writable: false, global: true });
  }

  protected globalVariable(): void {
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

  protected callable(): CFunction {
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

  protected main(): CFunction {
    this.pure = false;
    this.callDepth = 0;
    this.trips = 1;
    const body = this.functionBody([], TYPES.u64, this.large ? 3 + this.below(10) : 1 + this.below(3));
    return { head: `static u64 ${this.name}_main(void)`, body };
  }

  protected functionBody(params: readonly Variable[], result: IntegerType, size: number): Statement[] {
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
  protected digest(text: string, shape: Shape): Statement[] {
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
}
