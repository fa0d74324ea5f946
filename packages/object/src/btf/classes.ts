import type { Btf } from './btf.ts';
import type { BtfId, BtfType } from './model.ts';

/** A type of one of several BTFs. */
export interface TypeRef {
  readonly file: number;
  readonly id: BtfId;
}

/**
 * Which types of several BTFs are the same type: equal in kind, name, shape and in everything that they refer to, however
 * deep and however recursive. A forward declaration is the record it announces, when all files mean the same by its name.
 * Variables and sections are never the same.
 *
 * This is partition refinement: types start in one class when they look alike by themselves, and are parted as long as
 * what they refer to lies in different classes. What parts fewest is found, so that equal recursive records end up as
 * one. A name of a record counts as one type until the records of the name turn out to differ; then each counts as
 * itself, and forward declarations of the name stay what they are.
 */
export class TypeClasses {
  private readonly btfs: readonly (Btf | undefined)[];
  /** The index of the type 0 of each file; void of all files is index 0. */
  private readonly starts: number[] = [];
  /** By index. */
  private readonly classes: Int32Array;
  private readonly shapes: string[] = [''];
  private readonly targets: (readonly number[])[] = [[]];
  /** The name by which a record or enumeration is referred to, as a number; 0 for other types. */
  private readonly nameTokens: number[] = [0];
  private readonly isForward: boolean[] = [false];
  private readonly representatives = new Map<number, number>();

  constructor(btfs: readonly (Btf | undefined)[]) {
    this.btfs = btfs;
    this.collect();
    this.classes = new Int32Array(this.shapes.length);
    const ambiguous = new Set<number>();
    do this.refine(ambiguous);
    while (this.findAmbiguous(ambiguous));
    this.joinForwards(ambiguous);
    for (let index = 1; index < this.classes.length; index++) {
      const found = this.representatives.get(this.classes[index]!);
      if (found === undefined || (this.isForward[found] && !this.isForward[index]))
        this.representatives.set(this.classes[index]!, index);
    }
  }

  /** The class of a type; 0 for void. */
  of(file: number, id: BtfId): number {
    return id === 0 ? 0 : this.classes[this.starts[file]! + id]!;
  }

  /** A type that stands for its class: complete if any of the class is. */
  representative(of: number): TypeRef {
    const index = this.representatives.get(of)!;
    let file = this.starts.length - 1;
    while (this.starts[file]! >= index || this.btfs[file] === undefined) file--;
    return { file, id: index - this.starts[file]! };
  }

  private collect(): void {
    const names = new Map<string, number>();
    for (const btf of this.btfs) {
      this.starts.push(this.shapes.length - 1);
      if (!btf) continue;
      const start = this.shapes.length - 1;
      for (const id of btf.ids()) {
        const type = btf.type(id);
        const unique = type.kind === 'var' || type.kind === 'datasec';
        this.shapes.push(unique ? `${type.kind} ${start + id}` : shapeOf(type));
        this.targets.push(referencesOf(type).map((target) => (target === 0 ? 0 : start + target)));
        const name = tagName(type);
        let token = 0;
        if (name !== undefined) {
          token = names.get(name) ?? names.size + 1;
          names.set(name, token);
        }
        this.nameTokens.push(token);
        this.isForward.push(type.kind === 'fwd' || (isEnum(type) && type.values.length === 0));
      }
    }
  }

  private refine(ambiguous: ReadonlySet<number>): void {
    const { classes, shapes, targets, nameTokens } = this;
    let known = new Map<string, number>();
    for (let index = 1; index < shapes.length; index++) classes[index] = numberOf(known, shapes[index]!);
    let next = new Int32Array(classes.length);
    for (let count = 0; count !== known.size; ) {
      count = known.size;
      known = new Map();
      for (let index = 1; index < shapes.length; index++) {
        let key = `${classes[index]}`;
        for (const target of targets[index]!) {
          const token = nameTokens[target]!;
          key += token !== 0 && !ambiguous.has(token) ? ` n${token}` : ` ${classes[target]}`;
        }
        next[index] = numberOf(known, key);
      }
      classes.set(next);
      next = new Int32Array(classes.length);
    }
  }

  /** Adds names whose complete types are in several classes; whether there are new ones. */
  private findAmbiguous(ambiguous: Set<number>): boolean {
    const before = ambiguous.size;
    const seen = new Map<number, number>();
    for (let index = 1; index < this.classes.length; index++) {
      const token = this.nameTokens[index]!;
      if (token === 0 || this.isForward[index]) continue;
      const first = seen.get(token);
      if (first === undefined) seen.set(token, this.classes[index]!);
      else if (first !== this.classes[index]) ambiguous.add(token);
    }
    return ambiguous.size > before;
  }

  private joinForwards(ambiguous: ReadonlySet<number>): void {
    const complete = new Map<number, number>();
    for (let index = 1; index < this.classes.length; index++) {
      const token = this.nameTokens[index]!;
      if (token !== 0 && !this.isForward[index]) complete.set(token, this.classes[index]!);
    }
    for (let index = 1; index < this.classes.length; index++) {
      const token = this.nameTokens[index]!;
      if (token === 0 || !this.isForward[index] || ambiguous.has(token)) continue;
      this.classes[index] = complete.get(token) ?? this.classes[index]!;
    }
  }
}

function numberOf(known: Map<string, number>, key: string): number {
  let number = known.get(key);
  if (number === undefined) {
    number = known.size + 1;
    known.set(key, number);
  }
  return number;
}

function isEnum(type: BtfType): type is BtfType & { readonly kind: 'enum' | 'enum64' } {
  return type.kind === 'enum' || type.kind === 'enum64';
}

/** The tag of a named record or enumeration, which a forward declaration shares with what it announces. */
function tagName(type: BtfType): string | undefined {
  if (!('name' in type) || type.name === '') return undefined;
  switch (type.kind) {
    case 'struct':
    case 'union':
      return `${type.kind} ${type.name}`;
    case 'fwd':
      return `${type.union ? 'union' : 'struct'} ${type.name}`;
    case 'enum':
    case 'enum64':
      return `enum ${type.name}`;
    default:
      return undefined;
  }
}

/** The types that a type refers to, in the order of {@link withReferences}. */
export function referencesOf(type: BtfType): readonly BtfId[] {
  switch (type.kind) {
    case 'ptr':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'typedef':
    case 'type_tag':
    case 'decl_tag':
    case 'func':
    case 'var':
      return [type.type];
    case 'array':
      return [type.type, type.index];
    case 'struct':
    case 'union':
      return type.members.map((one) => one.type);
    case 'func_proto':
      return [type.result, ...type.params.map((one) => one.type)];
    case 'datasec':
      return type.vars.map((one) => one.type);
    default:
      return [];
  }
}

/** The type with other references. */
export function withReferences(type: BtfType, map: (id: BtfId) => BtfId): BtfType {
  switch (type.kind) {
    case 'ptr':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'typedef':
    case 'type_tag':
    case 'decl_tag':
    case 'func':
    case 'var':
      return { ...type, type: map(type.type) };
    case 'array':
      return { ...type, type: map(type.type), index: map(type.index) };
    case 'struct':
    case 'union':
      return { ...type, members: type.members.map((one) => ({ ...one, type: map(one.type) })) };
    case 'func_proto':
      return {
        ...type,
        result: map(type.result),
        params: type.params.map((one) => ({ ...one, type: map(one.type) })),
      };
    case 'datasec':
      return { ...type, vars: type.vars.map((one) => ({ ...one, type: map(one.type) })) };
    default:
      return type;
  }
}

/** All of a type but what it refers to. */
function shapeOf(type: BtfType): string {
  switch (type.kind) {
    case 'int':
      return `int ${type.size} ${type.bits} ${type.offset} ${+type.signed}${+type.char}${+type.bool} ${type.name}`;
    case 'array':
      return `array ${type.count}`;
    case 'struct':
    case 'union':
      return `${type.kind} ${type.size} ${type.name} ${type.members.map((m) => `${m.bitOffset}:${m.bitSize}:${m.name}`).join(' ')}`;
    case 'enum':
    case 'enum64':
      return `${type.kind} ${type.size} ${+type.signed} ${type.name} ${type.values.map((v) => `${v.name}=${v.value}`).join(' ')}`;
    case 'fwd':
      return `fwd ${+type.union} ${type.name}`;
    case 'func':
      return `func ${type.linkage} ${type.name}`;
    case 'func_proto':
      return `proto ${type.params.map((one) => `${+(one.type === 0)}:${one.name}`).join(' ')}`;
    case 'float':
      return `float ${type.size} ${type.name}`;
    case 'decl_tag':
    case 'type_tag': {
      const place = type.kind === 'decl_tag' ? type.component : 0;
      return `${type.kind} ${place} ${+(type.attribute === true)} ${type.name}`;
    }
    default:
      return `${type.kind} ${'name' in type ? type.name : ''}`;
  }
}
