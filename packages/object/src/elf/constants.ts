import type { ElfSymbol } from './model.ts';

/** Sizes and numbers of ELF64 (the System V ABI's generic part; include/uapi/linux/elf.h). */
export const ELF_HEADER_SIZE = 64;
export const SECTION_HEADER_SIZE = 64;
export const SYMBOL_SIZE = 24;
export const EM_BPF = 247;

export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_SYMTAB_SHNDX = 18;

export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
export const SHF_INFO_LINK = 0x40;

export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
export const SHN_XINDEX = 0xffff;

export const R_BPF_64_64 = 1;
export const R_BPF_64_ABS64 = 2;
export const R_BPF_64_ABS32 = 3;
export const R_BPF_64_NODYLD32 = 4;
export const R_BPF_64_32 = 10;

/** Index: the number in the file. */
export const BINDINGS: readonly ElfSymbol['binding'][] = ['local', 'global', 'weak'];
export const SYMBOL_TYPES: readonly (ElfSymbol['type'] | undefined)[] = [
  'notype',
  'object',
  'func',
  'section',
  'file',
  undefined,
  'tls',
];
export const VISIBILITIES: readonly ElfSymbol['visibility'][] = ['default', 'internal', 'hidden', 'protected'];
