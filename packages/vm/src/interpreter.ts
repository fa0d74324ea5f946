import { high, mul64, sdiv64, smod64, udiv64, umod64 } from '@skep/base';
import { Fault } from './fault.ts';
import type { Machine } from './machine.ts';
import { ARENA_HIGH, FRAME_SIZE, MAX_FRAMES, MAX_NESTING, NULL_END, pointerText, STACKS } from './memory.ts';
import type { VmProgram } from './program.ts';

/**
 * The reference interpreter of the instruction set (RFC 9669): registers are pairs of 32-bit halves, memory is the
 * machine's. Nothing is trusted: every access, jump and call is checked, and every run has a budget of instructions.
 *
 * `code` is the program as little-endian words, two a slot: `opcode | dst << 8 | src << 12 | off << 16`, then the
 * immediate. r1 … r5 are in `registers` at entry, r0 at exit: low half of register n at 2n, high half at 2n + 1.
 */
export function interpret(machine: Machine, code: Int32Array, entry: number, registers: Int32Array): void {
  if (machine.nesting >= MAX_NESTING) throw new Fault('stack', 'callbacks are nested too deeply');
  const stack = STACKS + machine.nesting * MAX_FRAMES * FRAME_SIZE;
  machine.nesting += 1;
  try {
    new Run(machine, code, registers, stack).from(entry);
  } finally {
    machine.nesting -= 1;
  }
}

/**
 * What a caller gets back: the return address and r1 … r9. Programs may rely on r6 … r9 only; that a call changes
 * nothing but r0, and a function finds nothing but its arguments, makes every run the same in compiled code.
 */
export const SAVED = 19;

/** Told before each instruction, with its slot and the frame that runs; may throw to end the run. */
export interface Observer {
  before(run: Run, code: Int32Array, pc: number, frame: number): void;
}

/** One nesting of frames: a run of a program, or a callback inside of one. */
export class Run {
  private readonly machine: Machine;
  private readonly code: Int32Array;
  readonly r: Int32Array;
  /** Where its first frame lies. */
  readonly stack: number;
  /** Of each frame that called another: see {@link SAVED}. */
  readonly saved = new Int32Array(SAVED * MAX_FRAMES);
  readonly callers: { readonly code: Int32Array; readonly program: VmProgram | undefined }[] = [];

  constructor(machine: Machine, code: Int32Array, registers: Int32Array, stack: number) {
    this.machine = machine;
    this.code = code;
    this.r = registers;
    this.stack = stack;
  }

  from(entry: number): void {
    const { machine, r, stack, saved } = this;
    const memory = machine.memory;
    let { code } = this;
    let view = memory.view;
    let slots = code.length >> 1;
    let frame = 0;
    let fuel = machine.fuel;
    let pc = entry;
    this.enter(0);
    r[20] = stack + FRAME_SIZE;
    r[21] = 0;
    try {
      for (;;) {
        if (pc < 0 || pc >= slots) throw new Fault('instruction', 'it ran past the end of its code');
        if (--fuel < 0) fuel = this.refuel(code, pc, frame);
        const word = code[2 * pc]!;
        const imm = code[2 * pc + 1]!;
        const op = word & 0xff;
        const d = (word >>> 7) & 30;
        const s = (word >>> 11) & 30;
        const off = word >> 16;
        pc += 1;
        switch (op & 7) {
          case 7:
            this.alu64(op, d, s, off, imm);
            break;
          case 4:
            this.alu32(op, d, s, off, imm);
            break;
          case 1: {
            // LDX: a load into dst from src + off.
            const mode = op >> 5;
            if (mode !== 3 && mode !== 4) throw illegal(op);
            let at = (r[s]! >>> 0) + off;
            if (r[s + 1] !== 0 || at < NULL_END) at = outside(machine, r[s]!, r[s + 1]!, off, SIZES[(op >> 3) & 3]!);
            switch (op) {
              case 0x61:
                r[d] = view.getInt32(at, true);
                r[d + 1] = 0;
                break;
              case 0x69:
                r[d] = view.getUint16(at, true);
                r[d + 1] = 0;
                break;
              case 0x71:
                r[d] = view.getUint8(at);
                r[d + 1] = 0;
                break;
              case 0x79: {
                const low = view.getInt32(at, true);
                r[d + 1] = view.getInt32(at + 4, true);
                r[d] = low;
                break;
              }
              case 0x81:
                r[d] = view.getInt32(at, true);
                r[d + 1] = r[d]! >> 31;
                break;
              case 0x89:
                r[d] = view.getInt16(at, true);
                r[d + 1] = r[d]! >> 31;
                break;
              case 0x91:
                r[d] = view.getInt8(at);
                r[d + 1] = r[d]! >> 31;
                break;
              default:
                throw illegal(op);
            }
            break;
          }
          case 2:
          case 3: {
            const at = (r[d]! >>> 0) + off;
            if (r[d + 1] !== 0 || at < NULL_END) {
              // load_acquire's address is in src; everything else writes.
              if (!((op & 0xe7) === 0xc3 && imm === 0x100)) throw wild('a write', r[d]!, r[d + 1]!, off);
            }
            const low = (op & 7) === 2 ? imm : r[s]!;
            switch (op) {
              case 0x62:
              case 0x63:
                view.setInt32(at, low, true);
                break;
              case 0x6a:
              case 0x6b:
                view.setInt16(at, low, true);
                break;
              case 0x72:
              case 0x73:
                view.setInt8(at, low);
                break;
              case 0x7a:
                view.setInt32(at + 4, imm >> 31, true);
                view.setInt32(at, imm, true);
                break;
              case 0x7b:
                view.setInt32(at + 4, r[s + 1]!, true);
                view.setInt32(at, low, true);
                break;
              case 0xc3:
              case 0xcb:
              case 0xd3:
              case 0xdb:
                this.atomic(op, d, s, off, imm);
                break;
              default:
                throw illegal(op);
            }
            break;
          }
          case 0: {
            if (op !== 0x18) {
              const loaded = packetLoad(machine, op, (op >> 5 === 2 ? imm + r[s]! : imm) | 0, r[12]!, r[13]!);
              if (loaded !== undefined) {
                r[0] = loaded;
                r[1] = 0;
                break;
              }
              // Beyond the packet: the function ends with 0 (bpf_gen_ld_abs, net/core/filter.c).
              r[0] = 0;
              r[1] = 0;
              if (frame === 0) {
                machine.fuel = fuel;
                return;
              }
              frame -= 1;
              ({ pc, code } = this.back(frame, code));
              slots = code.length >> 1;
              break;
            }
            // Map addresses, callbacks and constants are all numbers by now: references were resolved at load.
            r[d] = imm;
            r[d + 1] = code[2 * pc + 1]!;
            pc += 1;
            break;
          }
          case 5:
            switch (op) {
              case 0x05:
                pc += off;
                break;
              case 0x85: {
                const source = (word >>> 12) & 15;
                if (source === 0) {
                  const helper = machine.helpers[imm];
                  if (helper === undefined) throw new Fault('call', `there is no helper ${imm}`);
                  machine.fuel = fuel;
                  helper(machine, r);
                  fuel = machine.fuel - memory.takeWork();
                  // A helper may have allocated, which replaces the view.
                  view = memory.view;
                  if (machine.tail !== undefined) {
                    // The frame of the caller becomes that of the program which goes on.
                    code = machine.enterTail().code;
                    slots = code.length >> 1;
                    pc = 0;
                    this.enter(frame);
                    r[20] = stack + (frame + 1) * FRAME_SIZE;
                  }
                } else if (source === 1) {
                  if (frame + 1 >= MAX_FRAMES) throw tooDeep();
                  const at = frame * SAVED;
                  saved[at] = pc;
                  this.callers[frame] = { code, program: machine.running };
                  for (let i = 0; i < 18; i++) saved[at + 1 + i] = r[2 + i]!;
                  r[0] = 0;
                  r[1] = 0;
                  r.fill(0, 12, 20);
                  frame += 1;
                  this.enter(frame);
                  r[20] = stack + (frame + 1) * FRAME_SIZE;
                  pc += imm;
                } else throw new Fault('call', 'it calls a kernel function (kfunc) that was not linked');
                break;
              }
              case 0x95: {
                if (frame === 0) {
                  machine.fuel = fuel;
                  return;
                }
                frame -= 1;
                ({ pc, code } = this.back(frame, code));
                slots = code.length >> 1;
                break;
              }
              case MAY_GOTO: {
                // Loops of programs end here, whatever their conditions say, once the turns of the run are used up.
                const { turns } = machine.globals;
                turns.value -= 1;
                if (turns.value < 0) pc += off;
                break;
              }
              default:
                if (this.jump64(op, d, s, imm)) pc += off;
            }
            break;
          case 6:
            if (op === 0x06) pc += imm;
            else if (this.jump32(op, d, s, imm)) pc += off;
            break;
        }
      }
    } catch (error) {
      machine.fuel = fuel;
      throw located(error, pc - 1);
    }
  }

  /** No instructions are left: the end, unless somebody watches, who gives none so as to be asked before each. */
  private refuel(code: Int32Array, pc: number, frame: number): number {
    const { observer } = this.machine;
    if (observer === undefined) throw outOfFuel(this.machine);
    observer.before(this, code, pc, frame);
    return 0;
  }

  /** A fresh frame is zero, so that a run depends on nothing that ran before. */
  private enter(frame: number): void {
    const at = this.stack + frame * FRAME_SIZE;
    this.machine.memory.bytes.fill(0, at, at + FRAME_SIZE);
  }

  /** Registers and place of the caller in a frame, whose callee may have gone on in another program. */
  private back(frame: number, code: Int32Array): { pc: number; code: Int32Array } {
    const { machine, r, saved } = this;
    const at = frame * SAVED;
    for (let i = 0; i < 18; i++) r[2 + i] = saved[at + 1 + i]!;
    r[20] = this.stack + (frame + 1) * FRAME_SIZE;
    const caller = this.callers[frame]!;
    if (caller.code !== code) machine.running = caller.program;
    return { pc: saved[at]!, code: caller.code };
  }

  private alu64(op: number, d: number, s: number, off: number, imm: number): void {
    const { r } = this;
    const register = (op & 8) !== 0;
    const bl = register ? r[s]! : imm;
    const bh = register ? r[s + 1]! : imm >> 31;
    const al = r[d]!;
    const ah = r[d + 1]!;
    switch (op >> 4) {
      case 0x0: {
        const low = (al + bl) | 0;
        r[d] = low;
        r[d + 1] = ah + bh + (low >>> 0 < al >>> 0 ? 1 : 0);
        break;
      }
      case 0x1:
        r[d] = al - bl;
        r[d + 1] = ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0);
        break;
      case 0x2:
        r[d] = mul64(al, ah, bl, bh);
        r[d + 1] = high;
        break;
      case 0x3:
        // Division by zero gives zero (RFC 9669, 4.1).
        if ((bl | bh) === 0) {
          r[d] = 0;
          r[d + 1] = 0;
        } else {
          r[d] = off === 1 ? sdiv64(al, ah, bl, bh) : udiv64(al, ah, bl, bh);
          r[d + 1] = high;
        }
        break;
      case 0x4:
        r[d] = al | bl;
        r[d + 1] = ah | bh;
        break;
      case 0x5:
        r[d] = al & bl;
        r[d + 1] = ah & bh;
        break;
      case 0x6: {
        const count = bl & 63;
        if (count >= 32) {
          r[d + 1] = al << (count - 32);
          r[d] = 0;
        } else if (count > 0) {
          r[d + 1] = (ah << count) | (al >>> (32 - count));
          r[d] = al << count;
        }
        break;
      }
      case 0x7: {
        const count = bl & 63;
        if (count >= 32) {
          r[d] = ah >>> (count - 32);
          r[d + 1] = 0;
        } else if (count > 0) {
          r[d] = (al >>> count) | (ah << (32 - count));
          r[d + 1] = ah >>> count;
        }
        break;
      }
      case 0x8:
        r[d] = -al;
        r[d + 1] = ~ah + (al === 0 ? 1 : 0);
        break;
      case 0x9:
        // The remainder of a division by zero is the dividend.
        if ((bl | bh) !== 0) {
          r[d] = off === 1 ? smod64(al, ah, bl, bh) : umod64(al, ah, bl, bh);
          r[d + 1] = high;
        }
        break;
      case 0xa:
        r[d] = al ^ bl;
        r[d + 1] = ah ^ bh;
        break;
      case 0xb:
        if (off === 0) {
          r[d] = bl;
          r[d + 1] = bh;
        } else if (off === 1) {
          if (!register || (imm !== CAST_KERN && imm !== CAST_USER)) throw illegal(op);
          r[d] = imm === CAST_KERN ? this.machine.castKern(bl) : bl;
          r[d + 1] = imm === CAST_USER && bl !== 0 ? ARENA_HIGH : 0;
        } else {
          const value = extend(bl, off, op);
          r[d] = value;
          r[d + 1] = value >> 31;
        }
        break;
      case 0xc: {
        const count = bl & 63;
        if (count >= 32) {
          r[d] = ah >> (count - 32);
          r[d + 1] = ah >> 31;
        } else if (count > 0) {
          r[d] = (al >>> count) | (ah << (32 - count));
          r[d + 1] = ah >> count;
        }
        break;
      }
      case 0xd:
        // bswap (v4): always reverses.
        this.swap(d, imm, true);
        break;
      default:
        throw illegal(op);
    }
  }

  private alu32(op: number, d: number, s: number, off: number, imm: number): void {
    const { r } = this;
    const b = (op & 8) !== 0 ? r[s]! : imm;
    const a = r[d]!;
    let result: number;
    switch (op >> 4) {
      case 0x0:
        result = a + b;
        break;
      case 0x1:
        result = a - b;
        break;
      case 0x2:
        result = Math.imul(a, b);
        break;
      case 0x3:
        if (b === 0) result = 0;
        else result = off === 1 ? a / b : (a >>> 0) / (b >>> 0);
        break;
      case 0x4:
        result = a | b;
        break;
      case 0x5:
        result = a & b;
        break;
      case 0x6:
        result = a << b;
        break;
      case 0x7:
        result = a >>> b;
        break;
      case 0x8:
        result = -a;
        break;
      case 0x9:
        if (b === 0) result = a;
        else result = off === 1 ? a % b : (a >>> 0) % (b >>> 0);
        break;
      case 0xa:
        result = a ^ b;
        break;
      case 0xb:
        result = off === 0 ? b : extend(b, off, op);
        break;
      case 0xc:
        result = a >> b;
        break;
      case 0xd:
        // 0xd4 is "to little endian": only truncates here; 0xdc is "to big endian".
        this.swap(d, imm, (op & 8) !== 0);
        return;
      default:
        throw illegal(op);
    }
    // The array wraps and truncates: sums, quotients and counts above 2^31 come out right.
    r[d] = result;
    r[d + 1] = 0;
  }

  private swap(d: number, bits: number, reverse: boolean): void {
    const { r } = this;
    const low = r[d]!;
    switch (bits) {
      case 16:
        r[d] = reverse ? ((low & 0xff) << 8) | ((low >>> 8) & 0xff) : low & 0xffff;
        r[d + 1] = 0;
        return;
      case 32:
        r[d] = reverse ? swap32(low) : low;
        r[d + 1] = 0;
        return;
      case 64:
        if (!reverse) return;
        r[d] = swap32(r[d + 1]!);
        r[d + 1] = swap32(low);
        return;
      default:
        throw noSwap(bits);
    }
  }

  private jump64(op: number, d: number, s: number, imm: number): boolean {
    const { r } = this;
    const register = (op & 8) !== 0;
    const bl = register ? r[s]! : imm;
    const bh = register ? r[s + 1]! : imm >> 31;
    const al = r[d]!;
    const ah = r[d + 1]!;
    switch (op >> 4) {
      case 0x1:
        return al === bl && ah === bh;
      case 0x2:
        return below(bl, bh, al, ah);
      case 0x3:
        return !below(al, ah, bl, bh);
      case 0x4:
        return ((al & bl) | (ah & bh)) !== 0;
      case 0x5:
        return al !== bl || ah !== bh;
      case 0x6:
        return less(bl, bh, al, ah);
      case 0x7:
        return !less(al, ah, bl, bh);
      case 0xa:
        return below(al, ah, bl, bh);
      case 0xb:
        return !below(bl, bh, al, ah);
      case 0xc:
        return less(al, ah, bl, bh);
      case 0xd:
        return !less(bl, bh, al, ah);
      default:
        throw illegal(op);
    }
  }

  private jump32(op: number, d: number, s: number, imm: number): boolean {
    const { r } = this;
    const b = (op & 8) !== 0 ? r[s]! : imm;
    const a = r[d]!;
    switch (op >> 4) {
      case 0x1:
        return a === b;
      case 0x2:
        return a >>> 0 > b >>> 0;
      case 0x3:
        return a >>> 0 >= b >>> 0;
      case 0x4:
        return (a & b) !== 0;
      case 0x5:
        return a !== b;
      case 0x6:
        return a > b;
      case 0x7:
        return a >= b;
      case 0xa:
        return a >>> 0 < b >>> 0;
      case 0xb:
        return a >>> 0 <= b >>> 0;
      case 0xc:
        return a < b;
      case 0xd:
        return a <= b;
      default:
        throw illegal(op);
    }
  }

  /** One thread runs at a time, so an atomic operation is a read and a write. */
  private atomic(op: number, d: number, s: number, off: number, imm: number): void {
    const { r } = this;
    const { view } = this.machine.memory;
    if (imm === 0x100 || imm === 0x110) {
      this.ordered(op, d, s, off, imm === 0x100);
      return;
    }
    if (op !== 0xc3 && op !== 0xdb) throw illegal(op);
    const wide = op === 0xdb;
    const at = (r[d]! >>> 0) + off;
    const oldLow = view.getInt32(at, true);
    const oldHigh = wide ? view.getInt32(at + 4, true) : 0;
    const low = r[s]!;
    const top = r[s + 1]!;
    let newLow: number;
    let newHigh: number;
    switch (imm & ~1) {
      case 0x00:
        newLow = (oldLow + low) | 0;
        newHigh = (oldHigh + top + (newLow >>> 0 < oldLow >>> 0 ? 1 : 0)) | 0;
        break;
      case 0x40:
        newLow = oldLow | low;
        newHigh = oldHigh | top;
        break;
      case 0x50:
        newLow = oldLow & low;
        newHigh = oldHigh & top;
        break;
      case 0xa0:
        newLow = oldLow ^ low;
        newHigh = oldHigh ^ top;
        break;
      case 0xe0:
        newLow = low;
        newHigh = top;
        break;
      case 0xf0: {
        // cmpxchg compares with r0 and leaves the old value there.
        const same = oldLow === r[0] && (!wide || oldHigh === r[1]);
        newLow = same ? low : oldLow;
        newHigh = same ? top : oldHigh;
        break;
      }
      default:
        throw new Fault('instruction', `there is no atomic operation 0x${imm.toString(16)}`);
    }
    view.setInt32(at, newLow, true);
    if (wide) view.setInt32(at + 4, newHigh, true);
    if ((imm & ~1) === 0xf0) {
      r[0] = oldLow;
      r[1] = oldHigh;
    } else if ((imm & 1) !== 0) {
      r[s] = oldLow;
      r[s + 1] = oldHigh;
    }
  }

  /** load_acquire and store_release: plain accesses here. */
  private ordered(op: number, d: number, s: number, off: number, load: boolean): void {
    const { r } = this;
    const { memory } = this.machine;
    const { view } = memory;
    const base = load ? s : d;
    const at = (r[base]! >>> 0) + off;
    if (r[base + 1] !== 0 || at < NULL_END) throw wild(load ? 'a read' : 'a write', r[base]!, r[base + 1]!, off);
    const from = load ? d : s;
    switch (op) {
      case 0xc3:
        if (!load) view.setInt32(at, r[from]!, true);
        else setBoth(r, from, view.getInt32(at, true), 0);
        return;
      case 0xcb:
        if (!load) view.setInt16(at, r[from]!, true);
        else setBoth(r, from, view.getUint16(at, true), 0);
        return;
      case 0xd3:
        if (!load) view.setInt8(at, r[from]!);
        else setBoth(r, from, view.getUint8(at), 0);
        return;
      case 0xdb:
        if (load) setBoth(r, from, view.getInt32(at, true), view.getInt32(at + 4, true));
        else {
          view.setInt32(at, r[from]!, true);
          view.setInt32(at + 4, r[from + 1]!, true);
        }
        return;
      default:
        throw illegal(op);
    }
  }
}

/**
 * A load of classic BPF from the packet, whose context (`low`, `high`) is in r6: 32 bits, big endian; undefined beyond
 * its end. `offset` counts as the kernel counts it: from the start of the data, or below 0 from a header.
 */
export function packetLoad(
  machine: Machine,
  op: number,
  offset: number,
  low: number,
  high: number,
): number | undefined {
  const { skb } = machine;
  const mode = op >> 5;
  const size = SIZES[(op >> 3) & 3]!;
  if ((mode !== 1 && mode !== 2) || size === 8) throw illegal(op);
  if (skb === undefined || low !== skb.context || high !== 0)
    throw new Fault('instruction', 'it loads from a packet, and r6 is no packet');
  const at =
    offset >= 0
      ? skb.data + offset
      : offset >= SKF_NET_OFF
        ? skb.network + offset - SKF_NET_OFF
        : offset >= SKF_LL_OFF
          ? skb.mac + offset - SKF_LL_OFF
          : -1;
  if (at < 0 || at + size > skb.end) return undefined;
  const { view } = machine.memory;
  return size === 4 ? view.getInt32(at) : size === 2 ? view.getUint16(at) : view.getUint8(at);
}

/** A load outside of the machine's memory: of recorded kernel memory, or a fault. Copied to where it can be read. */
export function outside(machine: Machine, low: number, high: number, off: number, size: number): number {
  const address = BigInt.asUintN(64, ((BigInt(high) << 32n) | BigInt(low >>> 0)) + BigInt(off));
  const recorded = address >= 0x1_0000_0000n ? machine.world.read(address, size, 'kernel') : undefined;
  const { running } = machine;
  // Through a NULL pointer into an arena nothing is read, and no program is stopped.
  const nothing = (running?.arena && address < BigInt(NULL_END)) || PROBING.has(running?.spec.hook?.programType ?? '');
  const bytes = recorded ?? (nothing ? NOTHING : undefined);
  if (bytes === undefined) throw wild('a read', low, high, off);
  const { memory, scratch } = machine;
  memory.bytes.fill(0, scratch, scratch + 8);
  memory.bytes.set(bytes.subarray(0, size), scratch);
  return scratch;
}

/**
 * Types of program with pointers of the kernel's types, through which the kernel reads with care (PROBE_MEM): where nothing
 * is, they find zeroes. What its verifier refuses of them, a read through a pointer into a map that may be NULL, reads
 * zeroes here, too.
 */
const PROBING: ReadonlySet<string> = new Set([
  'BPF_PROG_TYPE_TRACING',
  'BPF_PROG_TYPE_LSM',
  'BPF_PROG_TYPE_STRUCT_OPS',
  'BPF_PROG_TYPE_NETFILTER',
]);
const NOTHING = new Uint8Array(8);

/** `may_goto`, and the two immediates of `addr_space_cast` (Linux, include/uapi/linux/bpf.h and kernel/bpf/verifier.c). */
export const MAY_GOTO = 0xe5;
export const CAST_KERN = 1;
export const CAST_USER = 1 << 16;

/** Offsets from the network and the link-layer header (include/uapi/linux/filter.h). */
const SKF_NET_OFF = -0x100000;
const SKF_LL_OFF = -0x200000;

/** Bytes, by the size bits of the opcode. */
const SIZES = [4, 2, 1, 8];

function setBoth(r: Int32Array, d: number, low: number, top: number): void {
  r[d] = low;
  r[d + 1] = top;
}

function below(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? al >>> 0 < bl >>> 0 : ah >>> 0 < bh >>> 0;
}

function less(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? al >>> 0 < bl >>> 0 : ah < bh;
}

function extend(value: number, bits: number, op: number): number {
  if (bits === 8) return (value << 24) >> 24;
  if (bits === 16) return (value << 16) >> 16;
  if (bits === 32 && (op & 7) === 7) return value;
  throw illegal(op);
}

function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

export function wild(what: string, low: number, high: number, off: number): Fault {
  const by = off === 0 ? '' : ` ${off < 0 ? '-' : '+'} ${Math.abs(off)}`;
  return new Fault('memory', `${what} at ${pointerText(low, high)}${by}, which is no memory of the program`);
}

export function noSwap(bits: number): Fault {
  return new Fault('instruction', `bytes of ${bits} bits cannot be swapped`);
}

export function illegal(op: number): Fault {
  return new Fault('instruction', `there is no opcode 0x${op.toString(16).padStart(2, '0')}`);
}

export function outOfFuel(machine: Machine): Fault {
  return new Fault('fuel', `it ran ${machine.budget} instructions without ending`);
}

export function tooDeep(): Fault {
  return new Fault('stack', 'it calls more than 8 functions deep');
}

export function located(error: unknown, slot: number): unknown {
  // A DataView read past the end of memory is a fault of the program, not of ours.
  const fault = error instanceof RangeError ? new Fault('memory', 'an access beyond the end of memory') : error;
  if (fault instanceof Fault && fault.slot < 0) fault.slot = slot;
  return fault;
}
