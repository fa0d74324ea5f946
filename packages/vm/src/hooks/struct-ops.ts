import type { Btf, BtfFuncProto } from '@skep/object';
import { badTestRun } from '../diagnostics.ts';
import type { Machine } from '../machine.ts';
import type { VmProgram } from '../program.ts';
import { kernelObject, type Placed, type PlainObject, readKernelObject, releasePlaced } from './kernel-object.ts';

/** An argument of a function of the kernel: a number, an address, or a structure, which lies in memory for the call. */
export type StructOpsArgument = number | bigint | boolean | string | Uint8Array | PlainObject;

/** A structure of functions that programs implement (`tcp_congestion_ops`, `sched_ext_ops`), for tests to call. */
export interface StructOpsOptions {
  /** Where the structure and what its functions take are described: the kernel's types, or the object's. */
  readonly types: Btf;
  /** The name of the structure. */
  readonly struct: string;
  readonly programs: ReadonlyMap<string, VmProgram>;
}

/**
 * struct_ops in a simulated kernel: what the kernel would do with a registered structure, call its functions. Arguments
 * are plain values; where the function takes a pointer to a structure, the structure by its members, there for the call:
 * `ops.call('pkts_acked', socket, { pkts_acked: 3 })`, or the address of one that stays, to see what becomes of it or
 * because it is larger than the function says: `const socket = ops.object('tcp_sock', { snd_cwnd: 20 })`.
 */
export class StructOps {
  readonly struct: string;
  readonly programs: ReadonlyMap<string, VmProgram>;
  private readonly machine: Machine;
  /** Where its structures are described. */
  readonly types: Btf;

  constructor(machine: Machine, options: StructOpsOptions) {
    this.machine = machine;
    this.types = options.types;
    this.struct = options.struct;
    this.programs = options.programs;
  }

  /** Whether a program implements the function. */
  has(member: string): boolean {
    return this.programs.has(member);
  }

  /**
   * Calls a function; the result is a number of its type, a bigint where that has 64 bits, undefined where it has none.
   * Throws E4007 when there is no such function or the arguments are not its own, E4010 when it was stopped.
   */
  call(member: string, ...args: readonly StructOpsArgument[]): number | bigint | undefined {
    const program = this.programs.get(member);
    if (program === undefined) throw badTestRun(this.struct, `no program implements \`${member}\``);
    const prototype = this.prototypeOf(member);
    if (args.length > prototype.params.length)
      throw badTestRun(
        program.spec.name,
        `\`${member}\` takes ${prototype.params.length} arguments, not ${args.length}`,
      );
    const { memory } = this.machine;
    const placed: Placed[] = [];
    const size = 8 * Math.max(1, prototype.params.length);
    const context = memory.allocate(size);
    try {
      for (const [i, value] of args.entries()) {
        const slot = this.slotOf(prototype.params[i]!.type, value, placed);
        memory.view.setBigUint64(context + 8 * i, BigInt.asUintN(64, slot), true);
      }
      return this.resultOf(prototype, this.machine.run64(program, context));
    } catch (error) {
      if (error instanceof RangeError) throw badTestRun(program.spec.name, error.message);
      throw error;
    } finally {
      memory.release(context, size);
      releasePlaced(this.machine, placed);
    }
  }

  /** The same with no more arguments than the function takes in these types: kernels differ in the last ones. */
  callKnown(member: string, ...args: readonly StructOpsArgument[]): number | bigint | undefined {
    return this.call(member, ...args.slice(0, this.prototypeOf(member).params.length));
  }

  /** A structure of the kernel that stays: its address, for several calls. */
  object(type: string, value: PlainObject): bigint {
    return kernelObject(this.machine, this.types, type, value);
  }

  /** What it holds now. */
  read(type: string, address: bigint): PlainObject {
    return readKernelObject(this.machine, this.types, type, address);
  }

  /** What a member takes and gives. Throws SkepError where the structure has no such member. */
  prototypeOf(member: string): BtfFuncProto {
    const { types } = this;
    const id = types.find(this.struct, 'struct');
    const struct = id === undefined ? undefined : types.type(id);
    const found = struct?.kind === 'struct' ? struct.members.find((one) => one.name === member) : undefined;
    const pointer = found && types.type(types.resolve(found.type));
    const target = pointer?.kind === 'ptr' ? types.type(types.resolve(pointer.type)) : undefined;
    if (target?.kind !== 'func_proto') throw badTestRun(this.struct, `its type has no function \`${member}\``);
    return target;
  }

  private slotOf(id: number, value: StructOpsArgument, placed: Placed[]): bigint {
    if (typeof value !== 'object' && typeof value !== 'string') return BigInt(value);
    const { types } = this;
    const type = types.type(types.resolve(id));
    if (type.kind !== 'ptr') throw new RangeError('a structure is given where a number is wanted');
    const target = types.type(types.resolve(type.type));
    if (
      typeof value === 'string' ||
      value instanceof Uint8Array ||
      // Declared only, where the function's type is: defined elsewhere.
      (target.kind !== 'struct' && target.kind !== 'union' && target.kind !== 'fwd')
    )
      throw new RangeError('only structures can be given by their members');
    return kernelObject(this.machine, types, target.name, value, placed);
  }

  private resultOf({ result }: BtfFuncProto, r0: bigint): number | bigint | undefined {
    if (result === 0 || this.types.resolve(result) === 0) return undefined;
    const type = this.types.type(this.types.resolve(result));
    if (type.kind === 'ptr') return r0;
    const bits = 8 * this.types.sizeOf(result);
    const value = 'signed' in type && type.signed ? BigInt.asIntN(bits, r0) : BigInt.asUintN(bits, r0);
    return bits > 32 ? value : Number(value);
  }
}
