import { type Btf, BtfBuilder, type BtfId, type BtfMember, type BtfType, type CoreRelocation } from '@skep/object';

/**
 * The part of a kernel's types that CO-RE relocations of a program can ask for: every type whose name one of them
 * starts from, with all that lies inside it by value. Pointers lead to forward declarations only.
 */
export function pruneBtf(kernel: Btf, relocations: Iterable<CoreRelocation>, local: Btf): Uint8Array {
  const pruner = new Pruner(kernel);
  for (const relocation of relocations) {
    const root = local.type(local.resolve(relocation.type));
    if (!('name' in root) || root.name === '') continue;
    const name = root.name.replace(/___.*$/, '');
    for (const id of kernel.findAll(name)) pruner.copy(id);
    // Fields of other structs are reached through pointers with relocations of their own.
  }
  return pruner.builder.toBytes();
}

class Pruner {
  readonly builder = new BtfBuilder();
  private readonly kernel: Btf;
  private readonly copies = new Map<BtfId, BtfId>();

  constructor(kernel: Btf) {
    this.kernel = kernel;
  }

  copy(id: BtfId): BtfId {
    if (id === 0) return 0;
    const known = this.copies.get(id);
    if (known !== undefined) return known;
    const type = this.kernel.type(id);
    if (type.kind === 'struct' || type.kind === 'union') {
      const own = this.builder.reserve();
      this.copies.set(id, own);
      this.builder.set(own, { ...type, members: type.members.map((one) => this.member(one)) });
      return own;
    }
    const own = this.builder.add(this.inside(type));
    this.copies.set(id, own);
    return own;
  }

  private member(one: BtfMember): BtfMember {
    return { ...one, type: this.copy(one.type) };
  }

  private inside(type: BtfType): BtfType {
    switch (type.kind) {
      case 'ptr':
        return { ...type, type: this.pointee(type.type) };
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
      case 'typedef':
        return { ...type, type: this.copy(type.type) };
      case 'array':
        return { ...type, type: this.copy(type.type), index: this.copy(type.index) };
      case 'func_proto':
        return { kind: 'func_proto', result: 0, params: [] };
      case 'int':
      case 'enum':
      case 'enum64':
      case 'fwd':
      case 'float':
        return type;
      default:
        return { kind: 'fwd', name: 'name' in type ? type.name : '', union: false };
    }
  }

  /** Through qualifiers and typedefs to what is pointed to; records become forward declarations, functions `void`. */
  private pointee(id: BtfId): BtfId {
    const resolved = this.kernel.resolve(id);
    // `void`, perhaps a constant one.
    if (resolved === 0) return 0;
    const type = this.kernel.type(resolved);
    switch (type.kind) {
      case 'struct':
      case 'union':
        return this.builder.add({ kind: 'fwd', name: type.name, union: type.kind === 'union' });
      case 'int':
      case 'fwd':
      case 'enum':
      case 'enum64':
        return this.copy(resolved);
      default:
        return 0;
    }
  }
}
