import type { Btf } from '@skep/object';
import { memberOf } from '../hooks/kernel-object.ts';
import type { Machine } from '../machine.ts';

/** A member of a structure of the kernel that a simulation reads and writes while programs run. */
export class Member {
  private readonly machine: Machine;
  private readonly offset: number;
  private readonly size: number;

  private constructor(machine: Machine, offset: number, size: number) {
    this.machine = machine;
    this.offset = offset;
    this.size = size;
  }

  /** By its path (`scx.slice`); undefined where the types do not have it, as when a program declares only what it reads. */
  static find(machine: Machine, types: Btf, struct: string, path: string): Member | undefined {
    let id = types.find(struct, 'struct');
    let offset = 0;
    for (const name of path.split('.')) {
      const found = id === undefined ? undefined : memberOf(types, id, name);
      if (found === undefined) return undefined;
      offset += found.offset >> 3;
      id = types.resolve(found.member.type);
    }
    return id === undefined ? undefined : new Member(machine, offset, types.sizeOf(id));
  }

  get(structure: bigint): bigint {
    const { view } = this.machine.memory;
    const at = Number(structure) + this.offset;
    if (this.size === 8) return view.getBigUint64(at, true);
    return BigInt(this.size === 4 ? view.getUint32(at, true) : view.getUint8(at));
  }

  set(structure: bigint, value: bigint): void {
    const { view } = this.machine.memory;
    const at = Number(structure) + this.offset;
    if (this.size === 8) view.setBigUint64(at, BigInt.asUintN(64, value), true);
    else if (this.size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
    else view.setUint8(at, Number(value & 0xffn));
  }

  /** The first four bytes, of an array. */
  setWord(structure: bigint, value: number): void {
    this.machine.memory.view.setUint32(Number(structure) + this.offset, value, true);
  }
}
