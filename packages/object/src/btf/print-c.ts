import { btfLoop } from '../diagnostics.ts';
import type { Btf } from './btf.ts';
import { CLayout } from './layout.ts';
import type { BtfComposite, BtfEnum, BtfFuncProto, BtfId } from './model.ts';

export interface PrintOptions {
  /** Only these and what they need; all types of the BTF without it. */
  readonly roots?: readonly BtfId[];
  /** Marks every record so that compilers write CO-RE relocations for accesses; on by default. */
  readonly preserveAccessIndex?: boolean;
  /** Prototypes of the functions that programs may call; on by default. */
  readonly kfuncs?: boolean;
}

/**
 * The types as a C header from which a compiler makes the same sizes and offsets: declarations in an order in which
 * each knows those before it, forward declarations for pointers, unnamed bit-fields where the kernel has holes that C
 * would not make, `packed` where it has fewer. Names that C does not allow twice get `___2`.
 */
export function btfToC(btf: Btf, options: PrintOptions = {}): string {
  const printer = new Printer(btf);
  for (const id of options.roots ?? allIds(btf)) printer.top(id);
  if (!options.roots && options.kfuncs !== false) printer.kfuncs();
  const body = printer.out.map((part) => `${part}\n`).join('\n');
  const [push, pop] = options.preserveAccessIndex === false ? ['', ''] : [PUSH, POP];
  return `#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n${push}${body}${pop}\n#endif\n`;
}

const PUSH = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

`;
const POP = `
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif
`;

const MAX_DEPTH = 512;

function* allIds(btf: Btf): Generator<BtfId> {
  for (let id = 1; id < btf.count; id++) yield id;
}

class Printer {
  readonly out: string[] = [];
  private readonly btf: Btf;
  private readonly layout: CLayout;
  private readonly defined = new Set<BtfId>();
  /** Records whose definition stands in the text, and tags that were declared ahead of it. */
  private readonly printed = new Set<BtfId>();
  private readonly declared = new Set<string>();
  private readonly printedEnums = new Set<BtfId>();
  private readonly names = new Map<BtfId, string>();
  /** How often a name was given: tags of records and enums, and everything else. */
  private readonly tags = new Map<string, number>();
  private readonly identifiers = new Map<string, number>();

  constructor(btf: Btf) {
    this.btf = btf;
    this.layout = new CLayout(btf);
  }

  /** Prints what the type introduces at file scope, if anything. */
  top(id: BtfId): void {
    const type = this.btf.type(id);
    switch (type.kind) {
      case 'struct':
      case 'union':
        if (type.name !== '') this.define(id, 0);
        break;
      case 'enum':
      case 'enum64':
      case 'typedef':
        this.define(id, 0);
        break;
      case 'fwd':
        this.declare(id, 0);
        break;
    }
  }

  kfuncs(): void {
    for (const id of allIds(this.btf)) {
      if (this.btf.kind(id) !== 'func' || !this.btf.tagsOf(id).includes('bpf_kfunc')) continue;
      const type = this.btf.type(id);
      if (type.kind !== 'func' || this.identifiers.has(type.name)) continue;
      this.identifiers.set(type.name, 1);
      this.declare(type.type, 0);
      this.out.push(`extern ${this.declarator(type.type, type.name)} __attribute__((weak, section(".ksyms")));`);
    }
  }

  /** Makes the type usable by value. */
  private define(id: BtfId, depth: number): void {
    if (id === 0 || this.defined.has(id)) return;
    if (depth > MAX_DEPTH) throw btfLoop(id);
    const type = this.btf.type(id);
    switch (type.kind) {
      case 'struct':
      case 'union':
        // Marked before its members: a damaged record may contain itself.
        this.defined.add(id);
        for (const member of type.members) this.define(member.type, depth + 1);
        if (type.name !== '') this.out.push(`${this.record(id, type, 0)};`);
        this.printed.add(id);
        break;
      case 'enum':
      case 'enum64':
        if (type.name === '' && depth > 0) return;
        this.defined.add(id);
        if (type.name !== '' || !this.printedEnums.has(id)) this.out.push(`${this.enumeration(id, type, 0)};`);
        break;
      case 'typedef':
        this.declareTypedef(id, depth);
        this.define(type.type, depth + 1);
        break;
      case 'array':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        this.define(type.type, depth + 1);
        break;
      default:
        this.declare(id, depth);
    }
  }

  /** Makes the type usable behind a pointer. */
  private declare(id: BtfId, depth: number): void {
    if (id === 0) return;
    if (depth > MAX_DEPTH) throw btfLoop(id);
    const type = this.btf.type(id);
    switch (type.kind) {
      case 'struct':
      case 'union':
        if (type.name === '') for (const member of type.members) this.define(member.type, depth + 1);
        else if (!this.printed.has(id)) this.forward(`${type.kind} ${this.tag(id, type.name)}`);
        break;
      case 'fwd':
        this.forward(`${type.union ? 'union' : 'struct'} ${clean(type.name)}`);
        break;
      case 'typedef':
        this.declareTypedef(id, depth);
        break;
      case 'enum':
      case 'enum64':
      case 'array':
        this.define(id, depth + 1);
        break;
      case 'ptr':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        this.declare(type.type, depth + 1);
        break;
      case 'func_proto':
        this.declare(type.result, depth + 1);
        for (const param of type.params) this.declare(param.type, depth + 1);
        break;
    }
  }

  private declareTypedef(id: BtfId, depth: number): void {
    if (this.defined.has(id)) return;
    this.defined.add(id);
    const type = this.btf.type(id);
    if (type.kind !== 'typedef') return;
    const target = this.btf.resolve(type.type);
    if (target !== 0 && this.btf.kind(target) === 'array') this.define(type.type, depth + 1);
    else this.declare(type.type, depth + 1);
    this.out.push(`typedef ${this.declarator(type.type, this.identifier(id, type.name))};`);
  }

  private forward(text: string): void {
    if (this.declared.has(text)) return;
    this.declared.add(text);
    this.out.push(`${text};`);
  }

  private record(id: BtfId, type: BtfComposite, indent: number): string {
    const name = type.name === '' ? '' : ` ${this.tag(id, type.name)}`;
    const lines: string[] = [];
    const inner = '\t'.repeat(indent + 1);
    for (const part of this.layout.parts(id)) {
      if (part.kind === 'padding') {
        lines.push(`${inner}${part.text};`);
        continue;
      }
      const { member } = part;
      const bits = member.bitSize > 0 ? `: ${member.bitSize}` : '';
      lines.push(`${inner}${this.declarator(member.type, member.name && clean(member.name), indent + 1)}${bits};`);
    }
    const packed = this.layout.isPacked(id) ? ' __attribute__((packed))' : '';
    const end = `${'\t'.repeat(indent)}}${packed}`;
    return `${type.kind}${name} {${lines.map((line) => `\n${line}`).join('')}${lines.length > 0 ? `\n${end}` : end.trimStart()}`;
  }

  private enumeration(id: BtfId, type: BtfEnum, indent: number): string {
    this.printedEnums.add(id);
    const name = type.name === '' ? '' : ` ${this.tag(id, type.name)}`;
    const tabs = '\t'.repeat(indent);
    const suffix = type.size === 8 ? (type.signed ? 'LL' : 'ULL') : '';
    const lines = type.values.map(
      (one) => `${tabs}\t${this.unique(this.identifiers, one.name)} = ${literal(one.value, suffix)},\n`,
    );
    if (lines.length === 0) return `enum${name}`;
    return `enum${name} {\n${lines.join('')}${tabs}}${ENUM_SIZES[type.size] ?? ''}`;
  }

  /** `name` declared as the type: what C wraps around a name inside out. */
  private declarator(id: BtfId, name: string, indent = 0): string {
    let at = id;
    let text = name;
    let qualifiers = '';
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const type = at === 0 ? undefined : this.btf.type(at);
      switch (type?.kind) {
        case 'const':
        case 'volatile':
          if (!qualifiers.includes(type.kind)) qualifiers += `${type.kind} `;
          at = type.type;
          continue;
        case 'restrict':
          qualifiers += '__restrict ';
          at = type.type;
          continue;
        case 'type_tag':
          at = type.type;
          continue;
        case 'ptr': {
          text = `*${qualifiers}${text}`;
          qualifiers = '';
          at = type.type;
          const behind = this.behindQualifiers(at);
          if (behind === 'array' || behind === 'func_proto') text = `(${text})`;
          continue;
        }
        case 'array':
          text = `${text}[${type.count}]`;
          at = type.type;
          continue;
        case 'func_proto':
          text = `${text}(${this.parameters(type)})`;
          qualifiers = '';
          at = type.result;
          continue;
        default:
          return `${qualifiers}${this.base(at, indent)}${text === '' ? '' : ` ${text}`}`;
      }
    }
    throw btfLoop(id);
  }

  private behindQualifiers(id: BtfId): string | undefined {
    let at = id;
    for (let depth = 0; depth < MAX_DEPTH && at !== 0; depth++) {
      const type = this.btf.type(at);
      if (type.kind !== 'const' && type.kind !== 'volatile' && type.kind !== 'restrict' && type.kind !== 'type_tag')
        return type.kind;
      at = type.type;
    }
    return undefined;
  }

  private parameters(type: BtfFuncProto): string {
    if (type.params.length === 0) return 'void';
    return type.params
      .map((param) => (param.type === 0 ? '...' : this.declarator(param.type, param.name && clean(param.name))))
      .join(', ');
  }

  private base(id: BtfId, indent: number): string {
    if (id === 0) return 'void';
    const type = this.btf.type(id);
    switch (type.kind) {
      case 'int':
      case 'float':
        return C_NUMBER.test(type.name) ? type.name : numberOf(type.kind === 'int' && type.signed, type.size);
      case 'typedef':
        return this.identifier(id, type.name);
      case 'fwd':
        return `${type.union ? 'union' : 'struct'} ${clean(type.name)}`;
      case 'struct':
      case 'union':
        return type.name === '' ? this.record(id, type, indent) : `${type.kind} ${this.tag(id, type.name)}`;
      case 'enum':
      case 'enum64':
        if (type.name !== '') return `enum ${this.tag(id, type.name)}`;
        // Its enumerators may stand in one place only.
        return this.printedEnums.has(id) ? numberOf(type.signed, type.size) : this.enumeration(id, type, indent);
      default:
        return 'void';
    }
  }

  private tag(id: BtfId, name: string): string {
    return this.nameOf(id, name, this.tags);
  }

  private identifier(id: BtfId, name: string): string {
    // Every compiler has this type, each of its own size: the kernel's needs another name.
    return this.nameOf(id, name === '__builtin_va_list' ? '__kernel_va_list' : name, this.identifiers);
  }

  private nameOf(id: BtfId, name: string, given: Map<string, number>): string {
    let found = this.names.get(id);
    if (found === undefined) {
      found = this.unique(given, name);
      this.names.set(id, found);
    }
    return found;
  }

  private unique(given: Map<string, number>, name: string): string {
    const text = clean(name);
    const count = (given.get(text) ?? 0) + 1;
    given.set(text, count);
    return count === 1 ? text : `${text}___${count}`;
  }
}

const C_NUMBER = /^(?:(?:signed|unsigned|long|short|int|char|_Bool|__int128|float|double|_Float\d+x?)(?: |$))+$/;
const ENUM_SIZES: Readonly<Record<number, string>> = {
  1: ' __attribute__((mode(byte)))',
  2: ' __attribute__((mode(HI)))',
  8: ' __attribute__((mode(word)))',
};

function clean(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `_${name.replace(/\W/g, '_')}`;
}

function numberOf(signed: boolean, size: number): string {
  const names: Readonly<Record<number, string>> = { 1: 'char', 2: 'short', 4: 'int', 8: 'long', 16: '__int128' };
  const name = names[size];
  return name === undefined ? 'unsigned char' : `${signed ? 'signed' : 'unsigned'} ${name}`;
}

/** The least of all values cannot be written as a negated literal of its own type. */
function literal(value: bigint, suffix: string): string {
  if (suffix === 'LL' && value === -(1n << 63n)) return '(-9223372036854775807LL - 1)';
  return `${value}${suffix}`;
}
