import { Btf } from '../btf/btf.ts';
import { BtfBuilder } from '../btf/builder.ts';
import { btfCorrupt } from '../diagnostics.ts';
import type { ObjectSymbols } from './symbols.ts';

/**
 * The same BTF, ids kept, in which each DATASEC has the size of its ELF section and its variables their offsets in
 * order: compilers leave these to whoever knows where the variables came to lie, and the kernel takes nothing else.
 * Sections of externs have no ELF section and stay as they are.
 */
export function fixDatasecs(btf: Btf, symbols: ObjectSymbols): Btf {
  const builder = BtfBuilder.from(btf);
  let changed = false;
  for (const id of btf.ids()) {
    if (btf.kind(id) !== 'datasec') continue;
    const datasec = btf.type(id);
    if (datasec.kind !== 'datasec') continue;
    const found = symbols.section(datasec.name);
    if (!found) continue;
    const vars = datasec.vars.map((one) => {
      const variable = btf.type(one.type);
      if (variable.kind !== 'var') throw btfCorrupt(`section [${id}] ${datasec.name} lists [${one.type}], no variable`);
      const symbol = symbols.variable(variable.name, found.index);
      if (!symbol && variable.linkage !== 'extern')
        throw btfCorrupt(`variable ${variable.name} of section ${datasec.name} has no symbol`);
      return { type: one.type, offset: symbol?.value ?? one.offset, size: one.size || btf.sizeOf(variable.type) };
    });
    vars.sort((a, b) => a.offset - b.offset);
    for (const one of vars)
      if (one.offset + one.size > found.section.size)
        throw btfCorrupt(`variable [${one.type}] ends behind the end of section ${datasec.name}`);
    builder.set(id, { kind: 'datasec', name: datasec.name, size: found.section.size, vars });
    changed = true;
  }
  return changed ? Btf.parse(builder.toBytes()) : btf;
}
