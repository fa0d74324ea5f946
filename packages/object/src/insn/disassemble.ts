import { ALU_OPS, ATOMIC_OPS, helperById, JUMP_OPS } from '@skep/abi';
import type { LineInfo } from '../btf/model.ts';
import type { AccessSize, Atomic, Imm64, Insn, Operand, Width } from './model.ts';
import { slotStarts, targetSlot } from './slots.ts';

/**
 * Instructions as the kernel prints them in the verifier's log (`kernel/bpf/disasm.c`): immediates of arithmetic and
 * offsets in decimal, those of comparisons in hexadecimal, jumps as `pc+2`. Different from it, so that the text can be
 * assembled again: 64-bit immediates end with ` ll`, and those that stand for something say so (`map[fd:5]`,
 * `map[idx:0][0]+16`, `btf[id:7]`, `subprog[+3]`, as bpftool does).
 */
export interface DisassembleOptions {
  /** Jumps go to labels (`L12:`, or a function's name), not to `pc+2`. */
  readonly labels?: boolean;
  /** Each line starts with its slot, `12: `. */
  readonly slots?: boolean;
  /** Source lines stand before their instructions, as `; text @ file:line`. */
  readonly lines?: readonly LineInfo[];
  /** Subprograms by the slot they start at: each gets a line `name:`, and calls of it its name. */
  readonly functions?: ReadonlyMap<number, string>;
  readonly names?: InsnNames;
}

/** Names for numbers that say nothing by themselves; undefined where there is none. */
export interface InsnNames {
  /** Of a map or a variable: printed as `r1 = name ll`. */
  symbol?(imm: Imm64, slot: number): string | undefined;
  /** Of a helper that its number does not tell: kernels show how far away it is. */
  helper?(id: number, slot: number): string | undefined;
  kfunc?(btfId: number, module: number, slot: number): string | undefined;
}

/** Instructions as text: one a line with its slot, labels where jumps go, and what the options bring along. */
export function disassemble(insns: readonly Insn[], options: DisassembleOptions = {}): string {
  const starts = slotStarts(insns);
  const labels = labelsOf(insns, starts, options);
  const lines = new Map(options.lines?.map((line) => [line.slot, line]));
  const digits = String(starts.at(-1)).length;
  const out: string[] = [];
  for (let index = 0; index < insns.length; index++) {
    const insn = insns[index]!;
    const slot = starts[index]!;
    const label = labels.get(slot);
    if (label !== undefined) out.push(`${label}:`);
    const line = lines.get(slot);
    if (line !== undefined) out.push(`; ${line.text.trim()} @ ${line.file}:${line.line}`);
    const prefix = options.slots ? `${String(slot).padStart(digits)}: ` : labels.size > 0 ? '  ' : '';
    out.push(prefix + printAt(insn, slot, labels, options.names));
  }
  const end = labels.get(starts.at(-1)!);
  if (end !== undefined) out.push(`${end}:`);
  return out.join('\n');
}

/** One instruction, its jumps relative. */
export function printInsn(insn: Insn, names: InsnNames = {}, slot = 0): string {
  return printAt(insn, slot, NO_LABELS, names);
}

const NO_LABELS: ReadonlyMap<number, string> = new Map();

/** Slot -> label. Targets outside of the program or inside of an instruction stay relative. */
function labelsOf(
  insns: readonly Insn[],
  starts: Uint32Array,
  options: DisassembleOptions,
): ReadonlyMap<number, string> {
  const labels = new Map(options.functions);
  if (!options.labels) return labels;
  const known = new Set(starts);
  for (let index = 0; index < insns.length; index++) {
    const target = targetSlot(insns[index]!, starts[index]!);
    if (target !== undefined && known.has(target) && !labels.has(target)) labels.set(target, `L${target}`);
  }
  return labels;
}

const SIZE_TYPES: Record<AccessSize, string> = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' };
const SIGNED_TYPES: Record<AccessSize, string> = { 1: 's8', 2: 's16', 4: 's32', 8: 's64' };

function printAt(insn: Insn, slot: number, labels: ReadonlyMap<number, string>, names: InsnNames | undefined): string {
  switch (insn.kind) {
    case 'alu': {
      const dst = register(insn.dst, insn.width);
      if (insn.op === 'neg') return `${dst} = -${dst}`;
      return `${dst} ${ALU_OPS[insn.op].symbol} ${operand(insn.src, insn.width)}`;
    }
    case 'movsx':
      return `${register(insn.dst, insn.width)} = (s${insn.bits})${register(insn.src, insn.width)}`;
    case 'endian':
      return `r${insn.dst} = ${insn.op}${insn.bits} r${insn.dst}`;
    case 'addr_space_cast':
      return `r${insn.dst} = addr_space_cast(r${insn.src}, ${insn.to}, ${insn.from})`;
    case 'load':
      return `r${insn.dst} = *(${(insn.signed ? SIGNED_TYPES : SIZE_TYPES)[insn.size]} *)${address(insn.src, insn.off)}`;
    case 'store':
      return `*(${SIZE_TYPES[insn.size]} *)${address(insn.dst, insn.off)} = ${operand(insn.src, 64)}`;
    case 'atomic':
      return printAtomic(insn);
    case 'ld_imm64':
      return `r${insn.dst} = ${names?.symbol ? printSymbol(insn.imm, slot, labels, names) : printImm64(insn.imm, slot, labels)}`;
    case 'ld_packet': {
      const index = insn.index === undefined ? '' : `r${insn.index} + `;
      return `r0 = *(${SIZE_TYPES[insn.size]} *)skb[${index}${insn.imm}]`;
    }
    case 'jump': {
      const right = insn.src.kind === 'imm' ? hex32(insn.src.imm) : operand(insn.src, insn.width);
      const condition = `${register(insn.dst, insn.width)} ${JUMP_OPS[insn.op].symbol} ${right}`;
      return `if ${condition} goto ${target(slot, insn.off, labels)}`;
    }
    case 'goto':
      return `${insn.long ? 'gotol' : 'goto'} ${target(slot, insn.off, labels)}`;
    case 'may_goto':
      return `may_goto ${target(slot, insn.off, labels)}`;
    case 'call':
      switch (insn.target.kind) {
        case 'helper':
          return `call ${names?.helper?.(insn.target.id, slot) ?? helperName(insn.target.id)}#${insn.target.id}`;
        case 'local':
          return `call ${target(slot, insn.target.off, labels)}`;
        case 'kfunc': {
          const { btfId, module } = insn.target;
          const name = names?.kfunc?.(btfId, module, slot) ?? 'kfunc';
          return `call ${name}#${btfId}${module === 0 ? '' : `@${module}`}`;
        }
        case 'reg':
          return `callx r${insn.target.reg}`;
      }
      break;
    case 'exit':
      return 'exit';
  }
}

function printAtomic(insn: Atomic): string {
  const place = `(${SIZE_TYPES[insn.size]} *)${address(insn.op === 'load_acq' ? insn.src : insn.dst, insn.off)}`;
  const { symbol } = ATOMIC_OPS[insn.op];
  if (insn.op === 'load_acq') return `r${insn.dst} = ${symbol}(${place})`;
  if (insn.op === 'store_rel') return `${symbol}(${place}, r${insn.src})`;
  const family = insn.size === 8 ? 'atomic64' : 'atomic';
  if (insn.op === 'xchg') return `r${insn.src} = ${family}_xchg(${place}, r${insn.src})`;
  if (insn.op === 'cmpxchg') return `r0 = ${family}_cmpxchg(${place}, r0, r${insn.src})`;
  if (insn.fetch) return `r${insn.src} = ${family}_fetch_${insn.op}(${place}, r${insn.src})`;
  return `lock *${place} ${symbol} r${insn.src}`;
}

function printSymbol(imm: Imm64, slot: number, labels: ReadonlyMap<number, string>, names: InsnNames): string {
  const name = names.symbol!(imm, slot);
  return name === undefined ? printImm64(imm, slot, labels) : `${name} ll`;
}

function printImm64(imm: Imm64, slot: number, labels: ReadonlyMap<number, string>): string {
  switch (imm.kind) {
    case 'value':
      return `0x${imm.value.toString(16)} ll`;
    case 'map_fd':
      return `map[fd:${imm.fd}]`;
    case 'map_value':
      return `map[fd:${imm.fd}][0]${signed(imm.offset)}`;
    case 'map_idx':
      return `map[idx:${imm.index}]`;
    case 'map_idx_value':
      return `map[idx:${imm.index}][0]${signed(imm.offset)}`;
    case 'btf_id':
      return imm.module === 0 ? `btf[id:${imm.id}]` : `btf[id:${imm.id}@${imm.module}]`;
    case 'func':
      return `subprog[${labels.get(slot + 1 + imm.offset) ?? signed(imm.offset)}]`;
  }
}

const helperName = (id: number): string => helperById(id)?.name ?? (id === 0 ? 'bpf_unspec' : 'unknown');
const register = (number: number, width: Width): string => `${width === 64 ? 'r' : 'w'}${number}`;
const operand = (value: Operand, width: Width): string =>
  value.kind === 'imm' ? String(value.imm) : register(value.reg, width);
const signed = (value: number): string => (value < 0 ? String(value) : `+${value}`);
const address = (base: number, off: number): string => `(r${base} ${signed(off)})`;
const hex32 = (value: number): string => `0x${(value >>> 0).toString(16)}`;
const target = (slot: number, off: number, labels: ReadonlyMap<number, string>): string =>
  labels.get(slot + 1 + off) ?? `pc${signed(off)}`;
