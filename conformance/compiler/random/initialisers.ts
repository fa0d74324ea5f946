import { Places } from './places.ts';
import type { Expression } from './program.ts';
import { COMMON, type RecordType, type Shape, WHOLE } from './shapes.ts';

/** What variables are made of, and what they hold at first. */
export abstract class Initialisers extends Places {
  protected shape(arrays: number, records: number): Shape {
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

  protected constantInitialiser(shape: Shape): string {
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

  protected recordInitialiser(record: RecordType, of: (shape: Shape) => string): string {
    const fields = record.union ? [this.first(record.fields)] : record.fields.filter(() => this.chance(0.8));
    return `{ ${fields.map((one) => `.${one.name} = ${of(one.shape)}`).join(', ')} }`;
  }

  protected initialiser(shape: Shape, parts: (string | Expression)[]): void {
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
  protected first(fields: RecordType['fields']): RecordType['fields'][number] {
    const whole = fields.filter(({ bits }) => bits === undefined);
    return whole.length > 0 ? this.pick(whole) : fields.reduce((a, b) => (b.bits! > a.bits! ? b : a));
  }
}
