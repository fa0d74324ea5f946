import type { SourceFile } from '@skep/base';

export type Cpu = 'v1' | 'v2' | 'v3' | 'v4';

/** The macros that are there before the first line: those of `clang -target bpf -O2`, so that programs written for it see what they expect. */
export function predefinedMacros(cpu: Cpu): SourceFile {
  let file = files.get(cpu);
  if (file === undefined) {
    const level = Number(cpu.slice(1));
    const features = FEATURES.filter(([, since]) => level >= since).map(([name]) => `__BPF_FEATURE_${name}`);
    const lines = [...COMMON, `__BPF_CPU_VERSION__ ${level}`, ...features.map((name) => `${name} 1`)];
    file = { name: '<predefined>', text: lines.map((line) => `#define ${line}\n`).join('') };
    files.set(cpu, file);
  }
  return file;
}
const files = new Map<Cpu, SourceFile>();

/** Instructions, and the cpu level that first has them. */
const FEATURES: readonly (readonly [string, number])[] = [
  ['ADDR_SPACE_CAST', 1],
  ['JMP_EXT', 2],
  ['MAY_GOTO', 2],
  ['ALU32', 3],
  ['JMP32', 3],
  ['BSWAP', 4],
  ['GOTOL', 4],
  ['LDSX', 4],
  ['MOVSX', 4],
  ['SDIV_SMOD', 4],
  ['ST', 4],
];

/** Integer types: name in the macros, C spelling, bits, suffix of constants. */
const INTEGERS: readonly (readonly [string, string, number, string])[] = [
  ['INT8', 'signed char', 8, ''],
  ['INT16', 'short', 16, ''],
  ['INT32', 'int', 32, ''],
  ['INT64', 'long int', 64, 'L'],
  ['INTMAX', 'long int', 64, 'L'],
  ['INTPTR', 'long int', 64, 'L'],
  ['PTRDIFF', 'long int', 64, 'L'],
  ['INT_LEAST8', 'signed char', 8, ''],
  ['INT_LEAST16', 'short', 16, ''],
  ['INT_LEAST32', 'int', 32, ''],
  ['INT_LEAST64', 'long int', 64, 'L'],
  ['INT_FAST8', 'signed char', 8, ''],
  ['INT_FAST16', 'short', 16, ''],
  ['INT_FAST32', 'int', 32, ''],
  ['INT_FAST64', 'long int', 64, 'L'],
  ['WCHAR', 'int', 32, ''],
  ['WINT', 'int', 32, ''],
];
const UNSIGNED: readonly (readonly [string, string, number, string])[] = [
  ['UINT8', 'unsigned char', 8, ''],
  ['UINT16', 'unsigned short', 16, ''],
  ['UINT32', 'unsigned int', 32, 'U'],
  ['UINT64', 'long unsigned int', 64, 'UL'],
  ['UINTMAX', 'long unsigned int', 64, 'UL'],
  ['UINTPTR', 'long unsigned int', 64, 'UL'],
  ['UINT_LEAST8', 'unsigned char', 8, ''],
  ['UINT_LEAST16', 'unsigned short', 16, ''],
  ['UINT_LEAST32', 'unsigned int', 32, 'U'],
  ['UINT_LEAST64', 'long unsigned int', 64, 'UL'],
  ['UINT_FAST8', 'unsigned char', 8, ''],
  ['UINT_FAST16', 'unsigned short', 16, ''],
  ['UINT_FAST32', 'unsigned int', 32, 'U'],
  ['UINT_FAST64', 'long unsigned int', 64, 'UL'],
  ['SIZE', 'long unsigned int', 64, 'UL'],
];

/** One macro an entry: its name and what it stands for. */
const COMMON: readonly string[] = [
  '__STDC__ 1',
  '__STDC_HOSTED__ 1',
  '__STDC_VERSION__ 201710L',
  '__STDC_UTF_16__ 1',
  '__STDC_UTF_32__ 1',
  '__clang__ 1',
  '__clang_major__ 19',
  '__clang_minor__ 1',
  '__clang_patchlevel__ 7',
  '__clang_version__ "19.1.7 (skep)"',
  '__VERSION__ "skep, as Clang 19.1.7"',
  '__skep__ 1',
  '__llvm__ 1',
  '__GNUC__ 4',
  '__GNUC_MINOR__ 2',
  '__GNUC_PATCHLEVEL__ 1',
  '__GNUC_STDC_INLINE__ 1',
  '__GXX_ABI_VERSION 1002',
  '__OPTIMIZE__ 1',
  '__ELF__ 1',
  '__bpf__ 1',
  '__BPF__ 1',
  // No macro in clang, but a type: what it is on this target is the same.
  '__builtin_va_list void *',
  '_LP64 1',
  '__LP64__ 1',
  '__LITTLE_ENDIAN__ 1',
  '__ORDER_LITTLE_ENDIAN__ 1234',
  '__ORDER_BIG_ENDIAN__ 4321',
  '__ORDER_PDP_ENDIAN__ 3412',
  '__BYTE_ORDER__ __ORDER_LITTLE_ENDIAN__',
  '__CHAR_BIT__ 8',
  '__BOOL_WIDTH__ 8',
  '__SCHAR_MAX__ 127',
  '__SHRT_MAX__ 32767',
  '__SHRT_WIDTH__ 16',
  '__INT_MAX__ 2147483647',
  '__INT_WIDTH__ 32',
  '__LONG_MAX__ 9223372036854775807L',
  '__LONG_WIDTH__ 64',
  '__LONG_LONG_MAX__ 9223372036854775807LL',
  '__LLONG_WIDTH__ 64',
  '__POINTER_WIDTH__ 64',
  '__BIGGEST_ALIGNMENT__ 8',
  '__BITINT_MAXWIDTH__ 128',
  '__SIZEOF_SHORT__ 2',
  '__SIZEOF_INT__ 4',
  '__SIZEOF_LONG__ 8',
  '__SIZEOF_LONG_LONG__ 8',
  '__SIZEOF_INT128__ 16',
  '__SIZEOF_POINTER__ 8',
  '__SIZEOF_SIZE_T__ 8',
  '__SIZEOF_PTRDIFF_T__ 8',
  '__SIZEOF_WCHAR_T__ 4',
  '__SIZEOF_WINT_T__ 4',
  '__SIZEOF_FLOAT__ 4',
  '__SIZEOF_DOUBLE__ 8',
  '__SIZEOF_LONG_DOUBLE__ 8',
  '__CHAR16_TYPE__ unsigned short',
  '__CHAR32_TYPE__ unsigned int',
  '__FINITE_MATH_ONLY__ 0',
  '__USER_LABEL_PREFIX__',
  '__ATOMIC_RELAXED 0',
  '__ATOMIC_CONSUME 1',
  '__ATOMIC_ACQUIRE 2',
  '__ATOMIC_RELEASE 3',
  '__ATOMIC_ACQ_REL 4',
  '__ATOMIC_SEQ_CST 5',
  ...INTEGERS.flatMap(([name, type, bits, suffix]) => [
    `__${name}_TYPE__ ${type}`,
    `__${name}_MAX__ ${(1n << BigInt(bits - 1)) - 1n}${suffix}`,
    `__${name}_WIDTH__ ${bits}`,
    ...(/^INT(\d+|MAX)$/.test(name) ? [`__${name}_C_SUFFIX__ ${suffix}`] : []),
  ]),
  ...UNSIGNED.flatMap(([name, type, bits, suffix]) => [
    `__${name}_TYPE__ ${type}`,
    `__${name}_MAX__ ${(1n << BigInt(bits)) - 1n}${suffix}`,
    ...(name === 'UINTMAX' || name === 'UINTPTR' || name === 'SIZE' ? [`__${name}_WIDTH__ ${bits}`] : []),
    ...(/^UINT(\d+|MAX)$/.test(name) ? [`__${name}_C_SUFFIX__ ${suffix}`] : []),
  ]),
];
