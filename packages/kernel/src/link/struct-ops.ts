import { ATTACH, BPF_F_LINK, MAP } from '@skep/abi';
import { suggest } from '@skep/base';
import { BtfBuilder } from '@skep/object';
import { loadBtf } from '../bpf/btf-load.ts';
import { bpf } from '../bpf/call.ts';
import { type KernelError, noSuchKernelFunction, systemCallFailed } from '../diagnostics.ts';
import { kernelBtf } from '../kernel-btf.ts';
import { type BpfMap, createMap } from '../map.ts';
import type { Program } from '../program.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import { releaseAtLeast } from '../sys/release.ts';
import { type Need, unmet } from '../unsupported.ts';
import { Link } from './link.ts';
import { outlivingLink } from './outliving.ts';

/** What a program that implements one function of a structure is loaded with: the structure's type and the member's number. */
export function structOpsMember(
  struct: string,
  member: string,
): { readonly attachBtfId: number; readonly expectedAttachType: number } {
  const { id, members } = structure(struct);
  const index = members.findIndex((one) => one.name === member);
  if (index < 0) {
    const names = members.map((one) => `${struct}.${one.name}`);
    throw noSuchKernelFunction(`${struct}.${member}`, suggest(`${struct}.${member}`, names));
  }
  return { attachBtfId: id, expectedAttachType: index };
}

/** Members by their names: programs for functions, numbers, texts for arrays of characters. */
export type StructOpsMembers = Readonly<Record<string, Program | number | bigint | string>>;

/**
 * Registers an implementation of a structure of functions (`tcp_congestion_ops`, `sched_ext_ops`) with the kernel, until it
 * is closed or this process ends: by a link where the kernel has them (6.4), else see {@link outlivingLink}.
 */
export function attachStructOps(name: string, struct: string, members: StructOpsMembers): Link {
  const what = `struct_ops ${struct} ${name}`;
  const btf = kernelBtf();
  const wrapper = btf.find(`bpf_struct_ops_${struct}`, 'struct');
  if (wrapper === undefined) throw noSuchStructure(struct);
  const value = new Uint8Array(btf.sizeOf(wrapper));
  fill(value, struct, members);
  // The kernel insists on types of the program's own, though the value's type is the kernel's.
  using types = ownTypes();
  const map = createMap({
    name,
    type: MAP.BPF_MAP_TYPE_STRUCT_OPS,
    keySize: 4,
    valueSize: value.length,
    maxEntries: 1,
    flags: releaseAtLeast('6.4') ? BPF_F_LINK : 0,
    kernelValueType: wrapper,
    btf: { handle: types, keyType: 0, valueType: 0 },
  });
  try {
    return registerStructOps(map, value, what, () => map.close());
  } catch (error) {
    map.close();
    throw error;
  }
}

/**
 * Writes the structure into its map, which registers it with the kernel, by a link if the map was made for one.
 * `closed` is called when the registration is undone.
 */
export function registerStructOps(map: BpfMap, value: Uint8Array, what: string, closed: () => void = () => {}): Link {
  map.update(new Uint8Array(4), value);
  if ((map.flags & BPF_F_LINK) !== 0) {
    const result = bpf('BPF_LINK_CREATE', { prog_fd: map.fd, attach_type: ATTACH.BPF_STRUCT_OPS });
    if (result < 0) throw systemCallFailed('BPF_LINK_CREATE', -result, what, STRUCT_OPS_HINTS[-result]);
    return new Link(what, 'bpf_link', [new Handle(result, what)], closed);
  }
  return outlivingLink(what, map, undefined, closed);
}

const STRUCT_OPS_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EEXIST]: 'an implementation of that name is registered already',
  [ERRNO.EINVAL]: 'a function is missing that the structure must have',
};

/** Structures that programs may implement, where they are not in every kernel with struct_ops. */
const STRUCTURES: Readonly<Record<string, Need>> = {
  tcp_congestion_ops: { what: 'congestion control of TCP by programs', since: '5.6', config: 'CONFIG_BPF_JIT' },
  sched_ext_ops: { what: 'schedulers by programs (sched_ext)', since: '6.12', config: 'CONFIG_SCHED_CLASS_EXT' },
  hid_bpf_ops: { what: 'drivers of input devices by programs', since: '6.11', config: 'CONFIG_HID_BPF' },
  Qdisc_ops: { what: 'queueing disciplines by programs', since: '6.16', config: 'CONFIG_NET_SCH_BPF' },
};

function noSuchStructure(name: string): KernelError {
  const need = STRUCTURES[name];
  return (need && unmet(need, '', ERRNO.ENOTSUPP)) ?? noSuchKernelFunction(`struct_ops ${name}`, undefined);
}

function structure(name: string) {
  const btf = kernelBtf();
  const id = btf.find(name, 'struct');
  const type = id === undefined ? undefined : btf.type(id);
  if (id === undefined || type?.kind !== 'struct') throw noSuchStructure(name);
  return { id, members: type.members };
}

/** The value is `{ common; data }`, data the structure itself. */
function fill(value: Uint8Array, struct: string, members: StructOpsMembers): void {
  const btf = kernelBtf();
  const view = new DataView(value.buffer);
  const start = structure(`bpf_struct_ops_${struct}`).members.find((one) => one.name === 'data')!.bitOffset / 8;
  for (const [name, wanted] of Object.entries(members)) {
    const member = structure(struct).members.find((one) => one.name === name);
    if (member === undefined) throw noSuchKernelFunction(`${struct}.${name}`, undefined);
    const at = start + member.bitOffset / 8;
    const size = btf.sizeOf(member.type);
    if (typeof wanted === 'string') value.set(new TextEncoder().encode(wanted).subarray(0, size - 1), at);
    else if (typeof wanted !== 'object') {
      const bits = BigInt.asUintN(64, BigInt(wanted));
      for (let i = 0; i < Math.min(size, 8); i++) view.setUint8(at + i, Number((bits >> BigInt(8 * i)) & 0xffn));
    } else view.setBigUint64(at, BigInt(wanted.fd), true);
  }
}

/** The least that there can be: one integer. */
function ownTypes(): Handle {
  const builder = new BtfBuilder();
  builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, offset: 0, signed: true, char: false, bool: false });
  return loadBtf(builder.toBytes());
}
