import { Initialisers } from './initialisers.ts';
import type { Expression, IntegerType } from './program.ts';
import { type Callable, COMMON, literal, promoted, type Shape, sameShape, TYPES, usual, WHOLE } from './shapes.ts';

/** Expressions without undefined behaviour, whose value does not depend on the order of their operands. */
export abstract class Expressions extends Initialisers {
  protected condition(depth: number): Expression {
    if (this.chance(0.5)) return this.comparison(depth);
    return this.expression(depth);
  }

  protected expression(depth: number): Expression {
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

  protected leaf(): Expression {
    if (this.chance(0.3)) {
      const type = this.pick(COMMON);
      return literal(type, this.literal(type));
    }
    const place = this.place(false);
    if (place === undefined) return literal(TYPES.s32, '1');
    return { type: place.type, parts: place.parts };
  }

  protected arithmetic(depth: number): Expression {
    const a = this.expression(depth - 1);
    const b = this.expression(depth - 1);
    const op = this.pick(['+', '-', '*', '&', '|', '^', '+', '-', '&']);
    return { type: usual(a.type, b.type), parts: ['(', a, ` ${op} `, b, ')'] };
  }

  protected shift(depth: number): Expression {
    const a = this.expression(depth - 1);
    const type = promoted(a.type);
    const op = this.pick(['<<', '>>']);
    if (this.chance(0.6)) return { type, parts: ['(', a, ` ${op} ${this.below(type.bits)})`] };
    return { type, parts: ['(', a, ` ${op} (`, this.expression(depth - 1), ` & ${type.bits - 1}))`] };
  }

  protected division(depth: number): Expression {
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

  protected comparison(depth: number): Expression {
    const op = this.pick(['==', '!=', '<', '<=', '>', '>=']);
    return { type: TYPES.s32, parts: ['(', this.expression(depth - 1), ` ${op} `, this.expression(depth - 1), ')'] };
  }

  protected logical(depth: number): Expression {
    const op = this.pick(['&&', '||']);
    return { type: TYPES.s32, parts: ['(', this.condition(depth - 1), ` ${op} `, this.condition(depth - 1), ')'] };
  }

  protected unary(depth: number): Expression {
    const a = this.expression(depth - 1);
    const op = this.pick(['-', '~', '!']);
    return { type: op === '!' ? TYPES.s32 : promoted(a.type), parts: [`(${op}(`, a, '))'] };
  }

  protected ternary(depth: number): Expression {
    const a = this.expression(depth - 1);
    const b = this.expression(depth - 1);
    const type = usual(a.type, b.type);
    if (this.chance(0.15)) return { type, parts: ['(', a, ' ?: ', b, ')'] };
    return { type, parts: ['(', this.condition(depth - 1), ' ? ', a, ' : ', b, ')'] };
  }

  protected comma(depth: number): Expression {
    const b = this.expression(depth - 1);
    return { type: b.type, parts: ['(', this.expression(depth - 1), ', ', b, ')'] };
  }

  protected swap(depth: number): Expression {
    const type = this.pick([TYPES.u16, TYPES.u32, TYPES.u64]);
    return { type, parts: [`__builtin_bswap${type.bits}(`, this.expression(depth - 1), ')'] };
  }

  protected statementExpression(depth: number): Expression {
    const type = this.pick(WHOLE);
    const name = this.fresh('x');
    const parts: (string | Expression)[] = [`({ ${type.name} ${name} = `, this.expression(depth - 1), '; '];
    if (this.chance(0.4)) parts.push(`${name} ${this.pick(['+=', '^=', '|='])} `, this.expression(1), '; ');
    if (this.chance(0.3)) parts.push('if (', this.comparison(1), `) ${name} = `, this.expression(1), '; ');
    parts.push(`${name}; })`);
    return { type, parts };
  }

  protected compound(depth: number): Expression {
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
  protected bitField(type: IntegerType, _bits: number | undefined, parts: (string | Expression)[]): Expression {
    return { type, parts: [`((${type.name})`, ...parts, ')'] };
  }

  protected comparedMemory(): Expression | undefined {
    const plain = this.variables().filter(
      (one) => !this.isVolatile(one) && one.shape.kind === 'array' && one.shape.element.kind === 'integer',
    );
    if (plain.length === 0) return undefined;
    const one = this.pick(plain);
    const other = this.pick(plain.filter((two) => sameShape(two.shape, one.shape)));
    const op = this.pick(['== 0', '!= 0', '< 0', '> 0']);
    return { type: TYPES.s32, parts: [`(__builtin_memcmp(${one.name}, ${other.name}, sizeof(${one.name})) ${op})`] };
  }

  protected call(callee: Callable, depth: number): Expression | undefined {
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

  protected converted(type: IntegerType, value: Expression): Expression {
    return { type, parts: [`((${type.name})`, value, ')'] };
  }
}
