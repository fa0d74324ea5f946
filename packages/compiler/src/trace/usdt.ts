import { PT_REGS } from '@skep/abi';

/** Where an argument of a static probe is, as its note says: `-4@%edi`, `8@16(%rsp)`, `4@$5`, `8@(%rax,%rbx,8)`. */
export type UsdtArgument = { readonly size: 1 | 2 | 4 | 8; readonly signed: boolean } & (
  | { readonly kind: 'constant'; readonly value: bigint }
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

/** The arguments of one place of a probe on x86-64; undefined for what is not known. */
export function parseUsdtArguments(text: string): (UsdtArgument | undefined)[] {
  return text.trim() === ''
    ? []
    : text
        .trim()
        .split(/\s+(?=-?\d+f?@)/)
        .map(parseArgument);
}

function parseArgument(text: string): UsdtArgument | undefined {
  const match = /^(-?)([1248])@(.+)$/.exec(text.trim());
  if (!match) return undefined;
  const common = { size: Number(match[2]) as 1 | 2 | 4 | 8, signed: match[1] === '-' };
  const operand = match[3]!;
  const constant = /^\$(-?(?:0x[0-9a-f]+|\d+))$/i.exec(operand);
  if (constant) return { ...common, kind: 'constant', value: integer(constant[1]!) };
  const plain = /^%(\w+)$/.exec(operand);
  if (plain) {
    const offset = registerOffset(plain[1]!);
    return offset === undefined ? undefined : { ...common, kind: 'register', offset };
  }
  const memory = /^(-?(?:0x[0-9a-f]+|\d+))?\(%(\w+)(?:,%(\w+)(?:,([1248]))?)?\)$/i.exec(operand);
  if (!memory) return undefined;
  const base = registerOffset(memory[2]!);
  const index = memory[3] === undefined ? undefined : registerOffset(memory[3]);
  if (base === undefined || (memory[3] !== undefined && index === undefined)) return undefined;
  return {
    ...common,
    kind: 'memory',
    base,
    index,
    scale: Number(memory[4] ?? 1),
    displacement: integer(memory[1] ?? '0'),
  };
}

function integer(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

/** Of `rdi`, `edi`, `di`, `dil`; `ah` and its kind are not known. */
function registerOffset(name: string): number | undefined {
  const numbered = /^r(\d+)[dwb]?$/.exec(name);
  const plain = numbered
    ? `r${numbered[1]}`
    : name
        .replace(/^[er]/, '')
        .replace(/^([abcd])l$/, '$1x')
        .replace(/^(si|di|bp|sp)l$/, '$1');
  return PT_REGS.x86_64.offsets[plain];
}
