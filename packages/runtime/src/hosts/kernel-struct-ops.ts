import { SkepError } from '@skep/base';
import { kernelBtf, moduleBtf, modulesWithBtf } from '@skep/kernel';
import { type Btf, type BtfComposite, type BtfMember, essentialName, type MapSpec } from '@skep/object';
import { structOpsDiffers } from '../diagnostics.ts';

/** A structure of functions as the running kernel has it. */
export interface StructOpsLayout {
  /** The kernel's type of the map's value: `{ common; data }`, data the structure. */
  readonly valueType: number;
  /** The module that has the types; undefined for the kernel itself. */
  readonly module: string | undefined;
  /** The value, without its programs. */
  readonly value: Uint8Array;
  /** Where a program's descriptor goes, and what the program is loaded with. */
  readonly programs: readonly StructOpsProgram[];
}

export interface StructOpsProgram {
  readonly name: string;
  readonly offset: number;
  /** The structure's type. */
  readonly attachBtfId: number;
  /** The member's number. */
  readonly expectedAttachType: number;
}

/**
 * Fits a structure to the kernel's by the names of its members. Members that the kernel does not have may be zero.
 * Throws E8021.
 */
export function structOpsLayout(spec: MapSpec, local: Btf): StructOpsLayout {
  const { type: id, programs } = spec.structOps!;
  const struct = local.type(id) as BtfComposite;
  const name = essentialName(struct.name);
  const { btf, module } = findTypes(name, spec);
  const targetId = btf.find(name, 'struct');
  const valueType = btf.find(`bpf_struct_ops_${name}`, 'struct')!;
  const wrapper = btf.type(valueType) as BtfComposite;
  const data = wrapper.members.find((one) => one.type === targetId);
  if (targetId === undefined || !data) throw new SkepError(structOpsDiffers(spec.name, `the kernel has no ${name}`), 5);
  const target = btf.type(targetId) as BtfComposite;
  const value = new Uint8Array(wrapper.size);
  const places: StructOpsProgram[] = [];
  for (const [index, member] of struct.members.entries()) {
    const size = local.sizeOf(member.type);
    const from = member.bitOffset / 8;
    const bytes = spec.initialValue!.subarray(from, from + size);
    const program = programs.get(index);
    const number = target.members.findIndex((one) => one.name === member.name);
    if (number < 0) {
      // A function that this kernel does not call is left out, as one that is NULL.
      if (bytes.every((byte) => byte === 0)) continue;
      throw new SkepError(structOpsDiffers(spec.name, `the kernel's ${name} has no member ${member.name}`), 5);
    }
    const found = target.members[number]!;
    compare(spec, local, member, btf, found);
    const offset = (data.bitOffset + found.bitOffset) / 8;
    if (program !== undefined)
      places.push({ name: program, offset, attachBtfId: targetId, expectedAttachType: number });
    else value.set(bytes, offset);
  }
  return { valueType, module, value, programs: places };
}

/** Those of the kernel or of the module that registers the structure. */
function findTypes(name: string, spec: MapSpec): { btf: Btf; module: string | undefined } {
  const wanted = `bpf_struct_ops_${name}`;
  if (kernelBtf().find(wanted, 'struct') !== undefined) return { btf: kernelBtf(), module: undefined };
  for (const module of modulesWithBtf()) {
    const btf = moduleBtf(module);
    if (btf.find(wanted, 'struct') !== undefined) return { btf, module };
  }
  throw new SkepError(structOpsDiffers(spec.name, `this kernel lets nobody implement ${name}`), 5);
}

function compare(spec: MapSpec, local: Btf, member: BtfMember, btf: Btf, found: BtfMember): void {
  const differs = (why: string) => new SkepError(structOpsDiffers(spec.name, `member ${member.name} ${why}`), 5);
  if (member.bitSize > 0 || found.bitSize > 0) throw differs('is a bit-field');
  const mine = local.resolve(member.type);
  const theirs = btf.resolve(found.type);
  if (local.kind(mine) !== btf.kind(theirs)) throw differs(`is a ${btf.kind(theirs)} in the kernel`);
  if (local.sizeOf(mine) !== btf.sizeOf(theirs)) throw differs(`has ${btf.sizeOf(theirs)} bytes in the kernel`);
}
