import { Btf } from '../btf/btf.ts';
import { BtfBuilder } from '../btf/builder.ts';
import type { BtfDatasec, BtfId } from '../btf/model.ts';
import { btfCorrupt } from '../diagnostics.ts';
import { KCONFIG, KSYMS } from './externs.ts';
import type { ObjectSymbols } from './symbols.ts';

/**
 * The BTF of an object as the kernel takes it, ids kept: compilers leave to whoever loads the object where the variables
 * of each section lie, and the kernel knows no externs and no hidden functions.
 * @param configOffsets where each extern of `.kconfig` lies in its map
 */
export function fixBtf(btf: Btf, symbols: ObjectSymbols, configOffsets: ReadonlyMap<string, number>): Btf {
  const builder = BtfBuilder.from(btf);
  const hidden = hiddenFunctions(symbols);
  for (const id of btf.ids()) {
    const kind = btf.kind(id);
    if (kind === 'func') {
      const type = btf.type(id);
      // A hidden function is verified with its callers, as a static one is.
      if (type.kind === 'func' && type.linkage === 'global' && hidden.has(type.name))
        builder.set(id, { ...type, linkage: 'static' });
    } else if (kind === 'datasec') {
      const type = btf.type(id) as BtfDatasec;
      if (type.name === KSYMS) fixKsyms(builder, id, type);
      else if (type.name === KCONFIG) fixKconfig(builder, id, type, configOffsets);
      else fixDatasec(btf, builder, id, type, symbols);
    }
  }
  return Btf.parse(builder.toBytes());
}

function hiddenFunctions(symbols: ObjectSymbols): Set<string> {
  const hidden = symbols.file.symbols.filter(
    (one) => one.type === 'func' && one.binding !== 'local' && ['hidden', 'internal'].includes(one.visibility),
  );
  return new Set(hidden.map((one) => one.name));
}

/** The size of the ELF section, the offsets of the symbols, in order. */
function fixDatasec(btf: Btf, builder: BtfBuilder, id: BtfId, datasec: BtfDatasec, symbols: ObjectSymbols): void {
  const found = symbols.section(datasec.name);
  if (!found) return;
  // Linkers fill in both; static variables of several sources may then share a name, so that symbols would mislead.
  const isLinked = datasec.size > 0;
  const vars = datasec.vars.map((one) => {
    const variable = btf.type(one.type);
    if (variable.kind !== 'var') throw btfCorrupt(`section [${id}] ${datasec.name} lists [${one.type}], no variable`);
    if (isLinked) return one;
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
}

/** Values of the configuration become variables of a map that the host fills. */
function fixKconfig(builder: BtfBuilder, id: BtfId, datasec: BtfDatasec, offsets: ReadonlyMap<string, number>): void {
  let size = 0;
  const vars = datasec.vars.flatMap((one) => {
    const variable = builder.type(one.type);
    if (variable.kind !== 'var') throw btfCorrupt(`section [${id}] ${KCONFIG} lists [${one.type}], no variable`);
    builder.set(one.type, { ...variable, linkage: 'global' });
    const offset = offsets.get(variable.name);
    if (offset === undefined) return [];
    size = Math.max(size, offset + one.size);
    return [{ ...one, offset }];
  });
  vars.sort((a, b) => a.offset - b.offset);
  builder.set(id, { kind: 'datasec', name: datasec.name, size, vars });
}

/** Kernel symbols become a section of integers, one each: their types are the program's belief, not a layout. */
function fixKsyms(builder: BtfBuilder, id: BtfId, datasec: BtfDatasec): void {
  const name = 'int';
  const int = builder.add({ kind: 'int', name, size: 4, bits: 32, offset: 0, signed: true, char: false, bool: false });
  let stand: BtfId | undefined;
  const vars = datasec.vars.map((one, index) => {
    const type = builder.type(one.type);
    const place = { offset: index * 4, size: 4 };
    if (type.kind === 'var') {
      builder.set(one.type, { ...type, type: int, linkage: 'global' });
      return { type: one.type, ...place };
    }
    if (type.kind !== 'func') throw btfCorrupt(`section [${id}] ${KSYMS} lists [${one.type}], a ${type.kind}`);
    stand ??= builder.add({ kind: 'var', name: STAND_IN, type: int, linkage: 'global' });
    builder.set(one.type, { ...type, linkage: 'global' });
    nameParameters(builder, type.type);
    return { type: stand, ...place };
  });
  builder.set(id, { kind: 'datasec', name: datasec.name, size: vars.length * 4, vars });
}

/** In the section stands this variable for every function. */
const STAND_IN = 'dummy_ksym';

/** The kernel wants names for the parameters of functions, which declarations need not have. */
function nameParameters(builder: BtfBuilder, id: BtfId): void {
  if (id <= 0 || id >= builder.count) return;
  const proto = builder.type(id);
  if (proto.kind !== 'func_proto' || proto.params.every((param) => param.type === 0 || param.name !== '')) return;
  const params = proto.params.map((param) =>
    param.type !== 0 && param.name === '' ? { ...param, name: STAND_IN } : param,
  );
  builder.set(id, { ...proto, params });
}
