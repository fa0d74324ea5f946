/** Where a value came from: the path walked backwards over the instructions that made it. */
import { helperById } from '@skep/abi';
import { type Call, decodeAt, type Insn } from '@skep/object';
import type { Evidence, Step } from './evidence.ts';

export interface Origin {
  readonly source: Source;
  /** Arithmetic that the value went through, the last first. */
  readonly through: readonly { readonly step: number; readonly insn: Insn }[];
}

/** `step` is an index of the path. */
export type Source =
  | { readonly kind: 'load'; readonly step: number; readonly base: number; readonly off: number; readonly size: number }
  | { readonly kind: 'call'; readonly step: number }
  /** A call in between destroyed the register. */
  | { readonly kind: 'destroyed'; readonly step: number }
  | { readonly kind: 'constant'; readonly step: number; readonly value: bigint }
  /** The address of a map, of a variable, of a function. */
  | { readonly kind: 'address'; readonly step: number }
  /** Handed to the program, or to the global function that is checked by itself. */
  | { readonly kind: 'argument'; readonly register: number }
  | { readonly kind: 'frame' }
  | { readonly kind: 'unknown' };

const FRAME_POINTER = 10;
/** So many instructions back nobody follows. */
const MOST_STEPS = 200000;

type Home = { readonly register: number } | { readonly offset: number; readonly size: number };

/** Instructions of the path, decoded once. */
export class Origins {
  private readonly evidence: Evidence;
  private readonly decoded = new Map<number, Insn | undefined>();

  constructor(evidence: Evidence) {
    this.evidence = evidence;
  }

  insn(slot: number): Insn | undefined {
    if (!this.decoded.has(slot)) {
      const { code } = this.evidence;
      const found = slot >= 0 && (slot + 1) * 8 <= code.length ? decodeAt(code, slot) : undefined;
      this.decoded.set(slot, found !== undefined && 'kind' in found ? (found as Insn) : undefined);
    }
    return this.decoded.get(slot);
  }

  /** Of what the register holds before step `at`. */
  of(register: number, at: number): Origin {
    const { path } = this.evidence;
    const through: { step: number; insn: Insn }[] = [];
    let home: Home = { register };
    let frame = path[at]?.frame ?? 0;
    const end = (source: Source): Origin => ({ source, through });
    if (register === FRAME_POINTER) return end({ kind: 'frame' });
    for (let i = at - 1; i >= 0 && at - i < MOST_STEPS; i--) {
      const step = path[i]!;
      const insn = this.insn(step.insn);
      const next = path[i + 1]!.frame;
      if (insn === undefined) continue;
      // Into a function: its arguments are the caller's. Out of one: its result is that of the call.
      if ('register' in home && next === frame && step.frame === frame - 1 && insn.kind === 'call') {
        if (home.register > 5) return end({ kind: 'unknown' });
        frame = step.frame;
        continue;
      }
      if ('register' in home && next === frame && step.frame === frame + 1 && insn.kind === 'exit') {
        if (home.register === 0) frame = step.frame;
        else if (home.register <= 5) return end({ kind: 'destroyed', step: i });
        continue;
      }
      if (step.frame !== frame) continue;
      if ('register' in home) {
        const wanted = home.register;
        switch (insn.kind) {
          case 'alu':
            if (insn.dst !== wanted) break;
            if (insn.op !== 'mov') through.push({ step: i, insn });
            else if (insn.src.kind === 'imm') return end({ kind: 'constant', step: i, value: BigInt(insn.src.imm) });
            else if (insn.src.reg === FRAME_POINTER) return end({ kind: 'frame' });
            else {
              if (insn.width === 32) through.push({ step: i, insn });
              home = { register: insn.src.reg };
            }
            break;
          case 'movsx':
          case 'addr_space_cast':
            if (insn.dst !== wanted) break;
            through.push({ step: i, insn });
            home = { register: insn.src };
            break;
          case 'endian':
            if (insn.dst === wanted) through.push({ step: i, insn });
            break;
          case 'load': {
            if (insn.dst !== wanted) break;
            const base = step.register(insn.src);
            if (base?.kind === 'fp' && base.frame === frame) {
              const found = this.filled(i, frame, base.offset + insn.off);
              if (found === 'spilled') {
                home = { offset: base.offset + insn.off, size: insn.size };
                break;
              }
            }
            return end({ kind: 'load', step: i, base: insn.src, off: insn.off, size: insn.size });
          }
          case 'ld_imm64':
            if (insn.dst !== wanted) break;
            return end(
              insn.imm.kind === 'value'
                ? { kind: 'constant', step: i, value: BigInt.asIntN(64, insn.imm.value) }
                : { kind: 'address', step: i },
            );
          case 'ld_packet':
            if (wanted === 0) return end({ kind: 'call', step: i });
            if (wanted <= 5) return end({ kind: 'destroyed', step: i });
            break;
          case 'atomic':
            if (insn.fetch && (insn.op === 'cmpxchg' ? wanted === 0 : insn.src === wanted))
              return end({ kind: 'load', step: i, base: insn.dst, off: insn.off, size: insn.size });
            break;
          case 'call':
            if (next !== frame) break;
            if (wanted === 0) return end({ kind: 'call', step: i });
            if (wanted <= 5) return end({ kind: 'destroyed', step: i });
            break;
        }
      } else if (insn.kind === 'store') {
        const base = step.register(insn.dst);
        if (base?.kind !== 'fp' || base.offset + insn.off !== home.offset) continue;
        if (insn.src.kind === 'imm') return end({ kind: 'constant', step: i, value: BigInt(insn.src.imm) });
        home = { register: insn.src.reg };
      }
    }
    return end(
      'register' in home && home.register <= 5 ? { kind: 'argument', register: home.register } : { kind: 'unknown' },
    );
  }

  /** The steps before `at` whose comparisons decided about the very values that the register holds. */
  decisions(at: number, register: number): number[] {
    const { path } = this.evidence;
    const id = path[at]?.register(register)?.id ?? 0;
    const found: number[] = [];
    for (let i = at - 1; i >= 0 && at - i < MOST_STEPS; i--) {
      const step = path[i]!;
      const insn = this.insn(step.insn);
      if (step.taken === undefined || insn?.kind !== 'jump') continue;
      const regs = [insn.dst, ...(insn.src.kind === 'reg' ? [insn.src.reg] : [])];
      if (regs.some((one) => id !== 0 && step.register(one)?.id === id)) found.push(i);
    }
    return found;
  }

  /** The call at a step, by name: a helper, a function of the kernel, or one of the program's own. */
  callName(step: number): string {
    const { evidence } = this;
    const slot = evidence.path[step]!.insn;
    const insn = this.insn(slot);
    if (insn?.kind === 'exit') return this.functionAt(slot);
    if (insn?.kind !== 'call') return 'this';
    return this.targetName(insn, slot);
  }

  functionAt(slot: number): string {
    let name = '';
    for (const one of this.evidence.functions) if (one.slot <= slot) name = one.name;
    return name;
  }

  targetName({ target }: Call, slot: number): string {
    switch (target.kind) {
      case 'helper':
        return helperName(target.id);
      case 'local':
        return this.functionAt(slot + 1 + target.off);
      case 'kfunc':
        return this.evidence.kfunc(slot) ?? `#${target.btfId}`;
      case 'reg':
        return `r${target.reg}`;
    }
  }

  /** Whether bytes of the stack were stored as they are, or written by something else, last. */
  private filled(before: number, frame: number, offset: number): 'spilled' | 'written' {
    const { path } = this.evidence;
    for (let i = before - 1; i >= 0; i--) {
      const step: Step = path[i]!;
      const insn = this.insn(step.insn);
      if (insn?.kind === 'store' && step.frame === frame) {
        const base = step.register(insn.dst);
        if (base?.kind === 'fp' && base.offset + insn.off === offset) return 'spilled';
      } else if (insn?.kind === 'call' && step.frame === frame) {
        for (let r = 1; r <= 5; r++) {
          const argument = step.register(r);
          if (
            argument?.kind === 'fp' &&
            argument.frame === frame &&
            argument.offset <= offset &&
            writesMemory(this.callName(i))
          )
            return 'written';
        }
      }
    }
    return 'written';
  }
}

/** Calls that fill memory which they are given; lookups and updates only read it. */
function writesMemory(name: string): boolean {
  return !/^bpf_map_|^bpf_ringbuf_output|^bpf_perf_event_output|^bpf_trace_printk/.test(name);
}

const helperName = (id: number): string => helperById(id)?.name ?? `helper #${id}`;
