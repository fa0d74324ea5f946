import type { Btf } from './btf.ts';
import type { BtfId, BtfType } from './model.ts';

/** Every type with its id and all that it says, one line each and one for each member, as `bpftool btf dump` lists them. */
export function btfListing(btf: Btf): string {
  const out: string[] = [];
  for (const id of btf.ids()) list(btf, id, out);
  return out.map((line) => `${line}\n`).join('');
}

function list(btf: Btf, id: BtfId, out: string[]): void {
  const type = btf.type(id);
  const named = (name: string) => `'${name || '(anon)'}'`;
  const head = `[${id}] ${type.kind.toUpperCase()} ${named('name' in type ? type.name : '')}`;
  switch (type.kind) {
    case 'int':
      out.push(
        `${head} size=${type.size} bits_offset=${type.offset} nr_bits=${type.bits} encoding=${encodingOf(type)}`,
      );
      break;
    case 'ptr':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'typedef':
    case 'type_tag':
      out.push(`${head} type_id=${type.type}`);
      break;
    case 'array':
      out.push(`${head} type_id=${type.type} index_type_id=${type.index} nr_elems=${type.count}`);
      break;
    case 'struct':
    case 'union':
      out.push(`${head} size=${type.size} vlen=${type.members.length}`);
      for (const { name, type: member, bitOffset, bitSize } of type.members) {
        const bits = bitSize > 0 ? ` bitfield_size=${bitSize}` : '';
        out.push(`\t${named(name)} type_id=${member} bits_offset=${bitOffset}${bits}`);
      }
      break;
    case 'enum':
    case 'enum64': {
      const encoding = type.signed ? 'SIGNED' : 'UNSIGNED';
      out.push(`${head} encoding=${encoding} size=${type.size} vlen=${type.values.length}`);
      for (const { name, value } of type.values)
        out.push(`\t${named(name)} val=${value}${type.kind === 'enum64' ? (type.signed ? 'LL' : 'ULL') : ''}`);
      break;
    }
    case 'fwd':
      out.push(`${head} fwd_kind=${type.union ? 'union' : 'struct'}`);
      break;
    case 'func':
      out.push(`${head} type_id=${type.type} linkage=${type.linkage}`);
      break;
    case 'func_proto':
      out.push(`${head} ret_type_id=${type.result} vlen=${type.params.length}`);
      for (const { name, type: param } of type.params) out.push(`\t${named(name)} type_id=${param}`);
      break;
    case 'var':
      out.push(`${head} type_id=${type.type}, linkage=${type.linkage}`);
      break;
    case 'datasec':
      out.push(`${head} size=${type.size} vlen=${type.vars.length}`);
      for (const { type: one, offset, size } of type.vars) {
        const what = one === 0 ? '' : ` (${btf.kind(one).toUpperCase()} ${named(btf.name(one))})`;
        out.push(`\ttype_id=${one} offset=${offset} size=${size}${what}`);
      }
      break;
    case 'float':
      out.push(`${head} size=${type.size}`);
      break;
    case 'decl_tag':
      out.push(`${head} type_id=${type.type} component_idx=${type.component}`);
      break;
  }
}

function encodingOf(type: BtfType & { kind: 'int' }): string {
  if (type.signed) return 'SIGNED';
  if (type.char) return 'CHAR';
  return type.bool ? 'BOOL' : '(none)';
}
