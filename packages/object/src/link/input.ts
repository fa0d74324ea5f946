import { Btf } from '../btf/btf.ts';
import { parseBtfExt } from '../btf/ext.ts';
import type { BtfDatasec, BtfExt, BtfId } from '../btf/model.ts';
import { elfUnsupported, objectBigEndian } from '../diagnostics.ts';
import { EM_BPF } from '../elf/constants.ts';
import type { ElfFile } from '../elf/model.ts';
import { readElf } from '../elf/read.ts';
import { KCONFIG, KSYMS } from '../open/externs.ts';
import { ObjectSymbols } from '../open/symbols.ts';

/** Where a section of an input lies in the linked object. */
export interface Place {
  /** The index of the linked section. */
  readonly section: number;
  /** Bytes. */
  readonly offset: number;
}

/** Bytes that nothing uses, since another file's definition is taken. */
interface DeadRange {
  readonly section: number;
  readonly start: number;
  readonly end: number;
}

/** One of the objects that are linked. */
export class LinkInput {
  readonly name: string;
  /** Its position among the inputs. */
  readonly index: number;
  readonly file: ElfFile;
  readonly symbols: ObjectSymbols;
  readonly btf: Btf | undefined;
  readonly ext: BtfExt | undefined;
  /** By the index of the section; undefined for those that are left out. */
  readonly places: (Place | undefined)[] = [];
  /** The functions and variables that other files may mean, by name. */
  readonly declarations = new Map<string, BtfId>();
  readonly datasecs: readonly { readonly id: BtfId; readonly type: BtfDatasec }[];
  /** What BTF says the kernel provides. */
  readonly kernelNames = new Set<string>();
  private readonly dead: DeadRange[] = [];

  /** @throws SkepError E30xx, E31xx, E3401, E3408 */
  constructor(name: string, bytes: Uint8Array, index: number) {
    this.name = name;
    this.index = index;
    this.file = readElf(bytes, name);
    if (!this.file.littleEndian) throw objectBigEndian(name);
    if (this.file.machine !== EM_BPF)
      throw elfUnsupported(`${name} is for machine ${this.file.machine}, not BPF (${EM_BPF})`, 'compile it for BPF');
    this.symbols = new ObjectSymbols(this.file);
    const types = this.symbols.section('.BTF')?.section;
    const info = this.symbols.section('.BTF.ext')?.section;
    this.btf = types && Btf.parse(types.data);
    this.ext = this.btf && info && parseBtfExt(info.data, this.btf);
    this.datasecs = this.declare();
  }

  /** The name of a section, for messages. */
  sectionName(index: number): string {
    return this.file.sections[index]!.name;
  }

  markDead(section: number, start: number, end: number): void {
    this.dead.push({ section, start, end });
  }

  isDead(section: number, offset: number): boolean {
    return this.dead.some((one) => one.section === section && offset >= one.start && offset < one.end);
  }

  private declare(): { id: BtfId; type: BtfDatasec }[] {
    const datasecs: { id: BtfId; type: BtfDatasec }[] = [];
    for (const id of this.btf?.ids() ?? []) {
      const kind = this.btf!.kind(id);
      if (kind !== 'var' && kind !== 'func' && kind !== 'datasec') continue;
      const type = this.btf!.type(id);
      if (type.kind === 'datasec') datasecs.push({ id, type });
      else if ((type.kind === 'var' || type.kind === 'func') && type.linkage !== 'static')
        this.declarations.set(type.name, id);
    }
    for (const { type } of datasecs) {
      if (type.name !== KSYMS && type.name !== KCONFIG) continue;
      for (const one of type.vars) this.kernelNames.add(this.btf!.name(one.type));
    }
    return datasecs;
  }
}
