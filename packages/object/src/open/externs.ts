import { BPF_F_RDONLY_PROG } from '@skep/abi';
import type { Btf } from '../btf/btf.ts';
import type { BtfId } from '../btf/model.ts';
import { externUnsupported } from '../diagnostics.ts';
import type { GlobalSpec, MapSpec } from '../spec.ts';
import { dataMap } from './data.ts';
import type { ObjectSymbols } from './symbols.ts';

export const KCONFIG = '.kconfig';
export const KSYMS = '.ksyms';

/** What the kernel provides under the name. */
export type Extern =
  /** A value of the kernel's configuration, in the map `.kconfig`. */
  | { readonly kind: 'kconfig'; readonly offset: number }
  /** A variable: the type's id (0 without a type). */
  | { readonly kind: 'variable'; readonly type: BtfId; readonly weak: boolean }
  /** A function: the FUNC's id. */
  | { readonly kind: 'function'; readonly type: BtfId; readonly weak: boolean };

export interface Externs {
  readonly byName: ReadonlyMap<string, Extern>;
  /** `.kconfig`, zeros; the host writes the values by name. */
  readonly map: MapSpec | undefined;
  readonly globals: readonly GlobalSpec[];
}

/** The undefined symbols that BTF declares in `.kconfig` and `.ksyms`. @throws SkepError E3409 */
export function collectExterns(symbols: ObjectSymbols, btf: Btf | undefined): Externs {
  const byName = new Map<string, Extern>();
  const declared = declarations(btf);
  const config: (GlobalSpec & { align: number })[] = [];
  for (const { name, binding } of symbols.undefined()) {
    const declaration = declared.get(name);
    if (!btf || !declaration) continue;
    const weak = binding === 'weak';
    const type = btf.type(declaration.id);
    if (type.kind === 'func') byName.set(name, { kind: 'function', type: declaration.id, weak });
    else if (type.kind !== 'var') continue;
    else if (declaration.section === KSYMS) {
      // `extern const void x` has an address, but no type.
      const target = btf.resolve(type.type) === 0 ? 0 : type.type;
      byName.set(name, { kind: 'variable', type: target, weak });
    } else {
      const { size, align } = configSize(btf, name, type.type);
      config.push({ name, map: KCONFIG, offset: 0, size, type: type.type, align, ...(weak && { weak }) });
    }
  }
  // The order of libbpf: without holes, and the same whatever the order of declarations.
  config.sort((a, b) => b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1));
  let end = 0;
  const globals = config.map(({ align, ...global }): GlobalSpec => {
    const offset = Math.ceil(end / align) * align;
    end = offset + global.size;
    byName.set(global.name, { kind: 'kconfig', offset });
    return { ...global, offset };
  });
  if (globals.length === 0) return { byName, map: undefined, globals };
  const datasec = btf?.find(KCONFIG, 'datasec') ?? 0;
  return { byName, map: dataMap(KCONFIG, 'kconfig', new Uint8Array(end), BPF_F_RDONLY_PROG, datasec), globals };
}

function declarations(btf: Btf | undefined): Map<string, { id: BtfId; section: string }> {
  const found = new Map<string, { id: BtfId; section: string }>();
  for (const section of [KCONFIG, KSYMS]) {
    const id = btf?.find(section, 'datasec');
    const datasec = id === undefined ? undefined : btf!.type(id);
    if (datasec?.kind !== 'datasec') continue;
    for (const one of datasec.vars) found.set(btf!.name(one.type), { id: one.type, section });
  }
  return found;
}

/** Configuration values are integers, booleans, `enum libbpf_tristate` and arrays of char. */
function configSize(btf: Btf, name: string, id: BtfId): { size: number; align: number } {
  const type = btf.type(btf.resolve(id) || id);
  if (type.kind === 'int' || type.kind === 'enum') return { size: type.size, align: type.size };
  if (type.kind === 'array' && type.count > 0) {
    const element = btf.type(btf.resolve(type.type) || type.type);
    if (element.kind === 'int' && element.size === 1) return { size: type.count, align: 1 };
  }
  throw externUnsupported(name, `of section ${KCONFIG} is a ${type.kind}, not a number, a boolean or a text`);
}
