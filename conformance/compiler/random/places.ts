import { Chance } from './chance.ts';
import type { Expression } from './program.ts';
import {
  type Callable,
  isPointer,
  literal,
  type Place,
  type RecordType,
  type Shape,
  TYPES,
  type Variable,
} from './shapes.ts';

/** What the program has so far, and which places it may read and write where it is. */
export abstract class Places extends Chance {
  protected readonly records: RecordType[] = [];
  protected readonly functions: Callable[] = [];
  protected readonly declarations: string[] = [];
  protected readonly globals: Variable[] = [];
  protected scope: Variable[] = [];
  protected inLoop = 0;
  /** Nested loops multiply; the product is bounded. */
  protected trips = 1;
  protected callDepth = 0;
  protected indexDepth = 0;
  protected pure = false;
  /** What expressions may not read: what the statement around them changes besides its target. */
  protected hidden: ReadonlySet<string> = new Set();

  protected abstract expression(depth: number): Expression;

  protected variables(): Variable[] {
    const out: Variable[] = [];
    for (const one of this.scope) if (!this.isHidden(one)) out.push(one);
    for (const one of this.globals) if (!(this.pure && one.writable) && !this.isHidden(one)) out.push(one);
    return out;
  }

  /** Pointers may lead to what is hidden. */
  protected isHidden(variable: Variable): boolean {
    return this.hidden.size > 0 && (this.hidden.has(variable.name) || isPointer(variable.shape));
  }

  protected changeable(variable: Variable): boolean {
    return variable.writable && !(variable.global && this.pure);
  }

  protected isVolatile(variable: Variable): boolean {
    return (
      this.declarations.some((text) => text.includes(' volatile ') && text.includes(variable.name)) ||
      variable.name.endsWith('_in')
    );
  }

  /** `plain`: a variable by its name. */
  protected place(write: boolean, plain = false): Place | undefined {
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

  protected within(parts: (string | Expression)[], shape: Shape, writable: boolean, write: boolean): Place | undefined {
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
  protected field(
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

  protected index(length: number): Expression {
    if (this.indexDepth > 1 || this.chance(0.5)) return literal(TYPES.s32, String(this.below(length)));
    this.indexDepth += 1;
    const index = this.masked(length - 1);
    this.indexDepth -= 1;
    return index;
  }

  protected masked(mask: number): Expression {
    return { type: TYPES.u32, parts: ['((u32)(', this.expression(1), `) & ${mask})`] };
  }
}
