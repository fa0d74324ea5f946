import { type Arch, PT_REGS } from '@skep/abi';

/**
 * Where an argument of a static probe is, as its note says: `-4@%edi`, `8@16(%rsp)`, `4@$5`, `8@(%rax,%rbx,8)` on x86-64;
 * `-4@w0`, `8@[sp, 16]`, `4@5` on arm64.
 */
export type UsdtArgument = { readonly size: 1 | 2 | 4 | 8; readonly signed: boolean } & (
  | { readonly kind: 'constant'; readonly value: bigint }
  /** At an offset in `pt_regs`. */
  | { readonly kind: 'register'; readonly offset: number }
  | {
      readonly kind: 'memory';
      /** Of the base register in `pt_regs`. */
      readonly base: number;
      readonly index: number | undefined;
      readonly scale: number;
      readonly displacement: bigint;
    }
);

/** The arguments of one place of a probe; undefined for those that are not known. */
export function parseUsdtArguments(text: string, arch: Arch): (UsdtArgument | undefined)[] {
  const each = text.trim().split(/\s+(?=-?\d+f?@)/);
  return text.trim() === '' ? [] : each.map((one) => parseArgument(one, arch));
}

type Place = UsdtArgument extends infer T ? (T extends unknown ? Omit<T, 'size' | 'signed'> : never) : never;

function parseArgument(text: string, arch: Arch): UsdtArgument | undefined {
  const match = /^(-?)([1248])@(.+)$/.exec(text);
  if (!match) return undefined;
  const place = arch === 'arm64' ? onArm64(match[3]!) : onX86(match[3]!);
  return place && ({ size: Number(match[2]), signed: match[1] === '-', ...place } as UsdtArgument);
}

const NUMBER = String.raw`-?(?:0x[0-9a-f]+|\d+)`;

const CONSTANT_X86 = new RegExp(String.raw`^\$(${NUMBER})$`, 'i');
const MEMORY_X86 = new RegExp(String.raw`^(${NUMBER})?\(%(\w+)(?:,%(\w+)(?:,([1248]))?)?\)$`, 'i');

function onX86(operand: string): Place | undefined {
  const constant = CONSTANT_X86.exec(operand);
  if (constant) return { kind: 'constant', value: integer(constant[1]!) };
  const plain = /^%(\w+)$/.exec(operand);
  if (plain) return register(registerOfX86(plain[1]!));
  const memory = MEMORY_X86.exec(operand);
  if (!memory) return undefined;
  const [, displacement = '0', base, index, scale = '1'] = memory;
  const indexed = index === undefined ? undefined : registerOfX86(index);
  if (index !== undefined && indexed === undefined) return undefined;
  return inMemory(registerOfX86(base!), displacement, indexed, Number(scale));
}

/** Of `rdi`, `edi`, `di`, `dil`; `ah` and its kind are not known. */
function registerOfX86(name: string): number | undefined {
  const numbered = /^r(\d+)[dwb]?$/.exec(name);
  const plain = numbered
    ? `r${numbered[1]}`
    : name
        .replace(/^[er]/, '')
        .replace(/^([abcd])l$/, '$1x')
        .replace(/^(si|di|bp|sp)l$/, '$1');
  return PT_REGS.x86_64.offsets[plain];
}

const CONSTANT_ARM64 = new RegExp(`^${NUMBER}$`, 'i');
const MEMORY_ARM64 = new RegExp(
  String.raw`^\[\s*(\w+)\s*(?:,\s*#?(${NUMBER})\s*|,\s*(\w+)\s*(?:,\s*lsl\s*#?([0-4])\s*)?)?\]$`,
  'i',
);

function onArm64(operand: string): Place | undefined {
  if (CONSTANT_ARM64.test(operand)) return { kind: 'constant', value: integer(operand) };
  const memory = MEMORY_ARM64.exec(operand);
  if (!memory) return register(registerOfArm64(operand));
  const [, base, displacement = '0', index, shift = '0'] = memory;
  const indexed = index === undefined ? undefined : registerOfArm64(index);
  if (index !== undefined && indexed === undefined) return undefined;
  return inMemory(registerOfArm64(base!), displacement, indexed, 2 ** Number(shift));
}

/** Of `x0`, `w0`, `sp`. */
function registerOfArm64(name: string): number | undefined {
  const general = /^[xw](\d{1,2})$/.exec(name);
  return PT_REGS.arm64.offsets[general ? `regs[${Number(general[1])}]` : name === 'sp' ? 'sp' : ''];
}

function register(offset: number | undefined): Place | undefined {
  return offset === undefined ? undefined : { kind: 'register', offset };
}

function inMemory(
  base: number | undefined,
  displacement: string,
  index: number | undefined,
  scale: number,
): Place | undefined {
  return base === undefined ? undefined : { kind: 'memory', base, index, scale, displacement: integer(displacement) };
}

function integer(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}
