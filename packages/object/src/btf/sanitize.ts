import type { Btf } from './btf.ts';
import { BtfBuilder } from './builder.ts';
import type { BtfId, BtfMember, BtfType } from './model.ts';

/** What a kernel's BTF verifier knows beyond the kinds of Linux 4.18. */
export interface BtfFeatures {
  /** FUNC and FUNC_PROTO, 5.0. */
  readonly func: boolean;
  /** VAR and DATASEC, 5.2. */
  readonly datasec: boolean;
  /** FUNC with global linkage, 5.6. */
  readonly globalFunc: boolean;
  /** FLOAT, 5.13. */
  readonly float: boolean;
  /** DECL_TAG, 5.16. */
  readonly declTag: boolean;
  /** TYPE_TAG, 5.17. */
  readonly typeTag: boolean;
  /** ENUM64, and the sign of enums, 6.0. */
  readonly enum64: boolean;
  /** Sections whose names start with `?`, 6.9. */
  readonly optionalDatasec: boolean;
  /** Tags that are attributes, 6.15. */
  readonly attributeTag: boolean;
}

/** Those of a kernel that knows everything. */
export const ALL_BTF_FEATURES: BtfFeatures = {
  func: true,
  datasec: true,
  globalFunc: true,
  float: true,
  declTag: true,
  typeTag: true,
  enum64: true,
  optionalDatasec: true,
  attributeTag: true,
};

/**
 * BTF in which kinds that a kernel does not know are replaced by older ones of the same size, ids kept. The result is a
 * builder, because the strings of line information go into the same table ({@link BtfBuilder.addString}) before the bytes
 * are taken.
 */
export function sanitizeBtf(btf: Btf, features: BtfFeatures): BtfBuilder {
  const builder = BtfBuilder.from(btf);
  for (const id of btf.ids()) {
    const type = btf.type(id);
    const older = replace(type, features, btf, builder);
    if (older !== type) builder.set(id, older);
  }
  return builder;
}

function replace(type: BtfType, has: BtfFeatures, btf: Btf, builder: BtfBuilder): BtfType {
  switch (type.kind) {
    case 'var':
      return has.datasec ? type : byte(type.name);
    case 'decl_tag':
      return has.declTag && (has.attributeTag || !type.attribute) ? type : byte(identifier(type.name));
    case 'type_tag':
      return has.typeTag && (has.attributeTag || !type.attribute) ? type : { kind: 'const', type: type.type };
    case 'datasec': {
      if (has.datasec) {
        const isOptional = type.name.startsWith('?');
        return isOptional && !has.optionalDatasec ? { ...type, name: `_${type.name.slice(1)}` } : type;
      }
      const members = type.vars.map((one): BtfMember => {
        return { name: btf.name(one.type), type: one.type, bitOffset: one.offset * 8, bitSize: 0 };
      });
      return { kind: 'struct', name: identifier(type.name), size: type.size, members };
    }
    case 'func_proto': {
      if (has.func) return type;
      const values = type.params.map((param, i) => ({ name: param.name || `_${i}`, value: BigInt(i) }));
      return { kind: 'enum', name: '', size: 4, signed: false, values };
    }
    case 'func':
      if (!has.func) return { kind: 'typedef', name: type.name, type: type.type };
      return has.globalFunc || type.linkage === 'static' ? type : { ...type, linkage: 'static' };
    case 'float':
      // `float` is no name that C takes for a struct.
      return has.float ? type : { kind: 'struct', name: '', size: type.size, members: [] };
    case 'enum':
      return has.enum64 || !type.signed ? type : { ...type, signed: false };
    case 'enum64': {
      if (has.enum64) return type;
      const filler: BtfId = builder.add(byte('enum64_placeholder'));
      const members = type.values.map(({ name }): BtfMember => ({ name, type: filler, bitOffset: 0, bitSize: 0 }));
      return { kind: 'union', name: type.name, size: type.size, members };
    }
    default:
      return type;
  }
}

/** One byte fits wherever a variable was. */
function byte(name: string): BtfType {
  return { kind: 'int', name, size: 1, bits: 8, offset: 0, signed: false, char: false, bool: false };
}

/** The kernel wants C identifiers for the names of all but sections and tags. */
function identifier(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_');
}
