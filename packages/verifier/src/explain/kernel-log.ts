/** The log of a real kernel's verifier, as bpftool, libbpf and skep print it, read back into what it says of a refusal. */
import { assemble, encode, type LineInfo } from '@skep/object';
import type { RegisterView } from '../record/view.ts';
import type { Evidence, Step } from './evidence.ts';

/** What a log of the kernel's verifier tells. */
export interface KernelLog extends Evidence {
  /** Where the tool around the log names it. */
  readonly program: string | undefined;
  /** All lines of the refusal; {@link Evidence.message} is the last. */
  readonly messages: readonly string[];
  /** The program was accepted, or the log breaks off. */
  readonly refused: boolean;
}

interface Line extends Step {
  readonly registers: readonly (RegisterView | undefined)[];
  taken: boolean | undefined;
}

/** Longer programs than this no kernel takes. */
const MOST_SLOTS = 1_000_000;

/** Reads the text of a log (`log_level` 1 or 2), as the kernel, libbpf or bpftool printed it. */
export function readKernelLog(log: string, kernel: string): KernelLog {
  const path: Line[] = [];
  const lines = new Map<number, LineInfo>();
  const texts = new Map<number, string>();
  let registers: (RegisterView | undefined)[] = [];
  let frame = 0;
  let source: Omit<LineInfo, 'slot'> | undefined;
  let program: string | undefined;
  let messages: string[] = [];
  let refused = false;
  for (const raw of log.split('\n')) {
    const line = raw.trimEnd();
    program ??= /prog(?:ram)? '(\w+)'/.exec(line)?.[1];
    if (
      /^libbpf:|^-- (BEGIN|END) PROG|^(Live regs|func#|mark_precise|regs=|parent |last_idx|propagat|max_states|verification time|stack depth)/.test(
        line.trim(),
      )
    )
      continue;
    const counted = /^processed \d+ insns/.test(line.trim());
    if (counted) {
      refused = messages.length > 0;
      break;
    }
    const jump = /^from (\d+) to (\d+)(?: \(speculative execution\))?:(.*)$/.exec(line);
    if (jump) {
      const at = path.findLastIndex((one) => one.insn === Number(jump[1]));
      if (at >= 0) path.length = at + 1;
      registers = read(jump[3]!, []);
      messages = [];
      continue;
    }
    const comment = /^;\s?(.*?)(?: @ (\S+):(\d+))?$/.exec(line);
    if (comment) {
      const text = comment[1]!;
      source = { file: comment[2] ?? '', text, line: Number(comment[3] ?? 0), column: 1 };
      continue;
    }
    const insn = /^(\d+): \(([0-9a-f]{2})\) (.*?)(?:\s+; (R\d|frame\d|fp-|refs=)(.*))?$/.exec(line);
    if (insn && Number(insn[1]) < MOST_SLOTS) {
      const slot = Number(insn[1]);
      texts.set(slot, insn[3]!.replace(/\s+;.*$/, ''));
      if (source !== undefined) lines.set(slot, { ...source, slot });
      source = undefined;
      const before = registers;
      path.push({
        insn: slot,
        frame,
        taken: undefined,
        open: true,
        registers: before,
        register: (number) => before[number],
      });
      const after = `${insn[4] ?? ''}${insn[5] ?? ''}`;
      frame = Number(/frame(\d+):/.exec(after)?.[1] ?? 0);
      registers = read(after, before);
      messages = [];
      continue;
    }
    const state = /^(\d+):\s+((?:frame\d+:\s*)?(?:R\d+|fp-\d+|refs=).*)$/.exec(line);
    if (state) {
      registers = read(state[2]!, registers);
      continue;
    }
    if (line.trim() !== '') messages.push(line.trim());
  }
  for (let i = 0; i + 1 < path.length; i++) {
    const text = texts.get(path[i]!.insn) ?? '';
    const offset = /^(?:if .*|may_)goto pc([+-]\d+)$/.exec(text)?.[1];
    if (offset !== undefined) path[i]!.taken = path[i + 1]!.insn === path[i]!.insn + 1 + Number(offset);
  }
  return {
    program,
    messages,
    refused: refused || messages.length > 0,
    message: messages.at(-1) ?? '',
    insn: path.at(-1)?.insn ?? -1,
    kernel,
    code: assembleAll(texts),
    path,
    lines: [...lines.values()].sort((a, b) => a.slot - b.slot),
    programType: undefined,
    functions: [],
    kfunc: (slot) => /^call (\w+)#/.exec(texts.get(slot) ?? '')?.[1],
    map: (slot) => /map\[(?:fd|id|name):(\w+)\]/.exec(texts.get(slot) ?? '')?.[1],
  };
}

function assembleAll(texts: ReadonlyMap<number, string>): Uint8Array {
  const last = Math.max(-1, ...texts.keys());
  const code = new Uint8Array((last + 2) * 8);
  for (const [slot, text] of texts) {
    try {
      // Addresses and names that the kernel put in place stand for a number here.
      const plain = text
        .replace(/^(r\d+ = )(0x[0-9a-f]+|map\[.*|[a-z_]+\[.*)$/, '$1 1 ll')
        .replace(/^call (\w+)#(\d+)$/, 'call $2');
      code.set(encode(assemble(plain)), slot * 8);
    } catch {
      // Not every text of every kernel is an instruction for the assembler; it is then not followed.
    }
  }
  return code;
}

const REGISTER = /\bR(\d+)(?:_[a-z]+)?=([^\s(]+)(\((?:[^()]|\([^()]*\))*\))?/g;

/** With what the text says of registers written over what was known before. */
function read(text: string, before: readonly (RegisterView | undefined)[]): (RegisterView | undefined)[] {
  const out = before.slice();
  for (const [all, number, name, fields] of text.matchAll(REGISTER))
    out[Number(number)] = viewOf(name!, fields ?? '', all);
  return out;
}

const S64 = 1n << 63n;
const U64 = (1n << 64n) - 1n;

function viewOf(name: string, fields: string, text: string): RegisterView | undefined {
  if (name === '?' || name.startsWith('?')) return undefined;
  const field = (key: string): string | undefined =>
    new RegExp(`\\b(?:\\w+=)*${key}=(?:\\w+=)*(-?\\w+)`).exec(fields)?.[1];
  const big = (key: string): bigint | undefined => {
    const found = field(key);
    if (found === undefined || !/^-?(0x[0-9a-f]+|\d+)$/.test(found)) return undefined;
    return found.startsWith('-') ? -BigInt(found.slice(1)) : BigInt(found);
  };
  const number = /^(?:P|scalar|inv|invP)?(-?(?:0x[0-9a-f]+|\d+))$/.exec(name)?.[1];
  const constant =
    number === undefined ? undefined : number.startsWith('-') ? -BigInt(number.slice(1)) : BigInt(number);
  const scalar = constant !== undefined || /^(P?scalar|invP?)$/.test(name);
  const stack = /^fp(\[\d+\])?(-?\d+)?$/.exec(name);
  const struct = /ptr_(?!or_null_)(\w+)$|ptr_or_null_(\w+)$/.exec(name);
  const range = big('r');
  const smin = constant ?? big('smin');
  const smax = constant ?? big('smax');
  const umin = constant === undefined ? big('umin') : BigInt.asUintN(64, constant);
  const umax = constant === undefined ? big('umax') : BigInt.asUintN(64, constant);
  const low = scalar ? (umin ?? 0n) : (umin ?? 0n);
  const high = umax ?? (scalar ? U64 : 0n);
  const value = big('vs');
  return {
    kind: scalar
      ? 'scalar'
      : stack
        ? 'fp'
        : struct
          ? name.slice(0, name.length - (struct[1] ?? struct[2] ?? '').length)
          : name,
    text,
    mayBeNull: /or_null/.test(name),
    umin: low,
    umax: high,
    smin: smin ?? (umax !== undefined || !scalar ? low : -S64),
    smax: smax ?? (umax !== undefined || !scalar ? high : S64 - 1n),
    umin32: 0,
    umax32: 0xffffffff,
    smin32: -0x80000000,
    smax32: 0x7fffffff,
    constant,
    bits: { value: constant ?? 0n, unknown: constant === undefined ? U64 : 0n },
    offset: stack ? Number(stack[2] ?? 0) : Number(big('off') ?? 0n),
    id: Number(big('id') ?? 0n),
    reference: Number(big('ref_obj_id') ?? 0n),
    map:
      value === undefined
        ? undefined
        : {
            ...{ name: field('map') ?? '', type: 0, keySize: Number(big('ks') ?? 0n), valueSize: Number(value) },
            ...{ maxEntries: 0, flags: 0, keyType: 0, valueType: 0, inner: undefined, contents: undefined },
          },
    struct: struct?.[1] ?? struct?.[2],
    structId: undefined,
    size: range !== undefined ? Number(range) : field('sz') === undefined ? undefined : Number(big('sz')),
    frame: stack ? 0 : undefined,
  };
}
