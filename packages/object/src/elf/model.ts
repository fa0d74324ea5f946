/** A relocatable ELF64 object for machine BPF, as data: what the reader returns and the writer takes. */
export interface ElfFile {
  readonly littleEndian: boolean;
  /** `e_machine`: 247 is `EM_BPF`. */
  readonly machine: number;
  /** In file order, without the null section and without those that the writer makes (`.symtab`, `.strtab`, `.rel*`). */
  readonly sections: readonly ElfSection[];
  /** Local symbols first, without the null symbol. */
  readonly symbols: readonly ElfSymbol[];
}

/** A section of an ELF file with its bytes. */
export interface ElfSection {
  readonly name: string;
  /** `SHT_PROGBITS` 1, `SHT_NOBITS` 8, … */
  readonly type: number;
  /** `SHF_WRITE` 1, `SHF_ALLOC` 2, `SHF_EXECINSTR` 4, … */
  readonly flags: number;
  readonly align: number;
  readonly entrySize: number;
  /** Bytes; for `SHT_NOBITS`, whose data is empty, the size in memory. */
  readonly size: number;
  readonly data: Uint8Array;
  readonly relocations: readonly ElfRelocation[];
}

/** An entry of the symbol table. */
export interface ElfSymbol {
  readonly name: string;
  readonly value: number;
  readonly size: number;
  readonly binding: 'local' | 'global' | 'weak';
  readonly type: 'notype' | 'object' | 'func' | 'section' | 'file' | 'tls';
  readonly visibility: 'default' | 'internal' | 'hidden' | 'protected';
  /** An index into {@link ElfFile.sections}. */
  readonly section: number | 'undefined' | 'absolute' | 'common';
}

/** `R_BPF_64_64` 1 (ld_imm64), `R_BPF_64_ABS64` 2, `R_BPF_64_ABS32` 3, `R_BPF_64_NODYLD32` 4, `R_BPF_64_32` 10 (call). */
export interface ElfRelocation {
  readonly offset: number;
  readonly type: number;
  /** An index into {@link ElfFile.symbols}. */
  readonly symbol: number;
  /** From RELA sections; 0 for REL, whose addend lies in the data. */
  readonly addend: number;
}
