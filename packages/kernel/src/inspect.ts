import { LINK } from '@skep/abi';
import { cString, hex } from '@skep/base';
import { bpf, returned } from './bpf/call.ts';
import type { CommandName } from './bpf/commands.ts';
import { systemCallFailed } from './diagnostics.ts';
import { openPinned } from './pin.ts';
import { ERRNO } from './sys/errno.ts';
import { Handle } from './sys/handle.ts';
import { native } from './sys/native.ts';

/** What is loaded in this kernel, by whomever (struct bpf_prog_info, bpf_map_info, bpf_link_info, bpf_btf_info). */
export interface ProgramInfo {
  readonly id: number;
  /** The kernel's number of `BPF_PROG_TYPE_…`. */
  readonly type: number;
  readonly name: string;
  /** SHA-1 of the instructions, its first eight bytes, as hex. */
  readonly tag: string;
  /** Bytes of instructions after the verifier, and of machine code; 0 when not shown to us or not compiled. */
  readonly translatedSize: number;
  readonly jitedSize: number;
  /** Nanoseconds since boot. */
  readonly loadTime: bigint;
  readonly uid: number;
  /** Its licence is one that the kernel's own goes with. */
  readonly gpl: boolean;
  readonly mapIds: readonly number[];
  readonly btfId: number;
  /** Zero unless statistics are on: {@link enableStats}. */
  readonly runs: bigint;
  readonly nanoseconds: bigint;
  /** Runs that were left out because the program was running on that CPU already; since 5.12, else 0. */
  readonly recursionMisses: bigint;
  /** Since 5.16, else 0. */
  readonly verifiedInstructions: number;
}

/** What the kernel says of a map (`struct bpf_map_info`). */
export interface MapInfo {
  readonly id: number;
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly btfId: number;
  readonly keyType: number;
  readonly valueType: number;
}

/** What the kernel says of a link (`struct bpf_link_info`). */
export interface LinkInfo {
  readonly id: number;
  /** The kernel's number of `enum bpf_link_type`. */
  readonly type: number;
  readonly programId: number;
  /** Of the network interface; 0 for links of other kinds. */
  readonly ifindex: number;
  /** The kernel's number of `enum bpf_attach_type`, where the kind of link has one. */
  readonly attachType: number | undefined;
  /** The function, tracepoint or security hook in the kernel's types; 0 for links of other kinds. */
  readonly btfId: number;
  /** The inode of the cgroup; 0n for links of other kinds. */
  readonly cgroupId: bigint;
}

/** What the kernel says of loaded BTF (`struct bpf_btf_info`). */
export interface BtfInfo {
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  readonly name: string;
  /** Of the kernel or of a module, and not of a program. */
  readonly kernel: boolean;
}

/** Of an open program. Throws KernelError. */
export function programInfo(fd: number): ProgramInfo {
  const first = info(fd, PROGRAM_INFO);
  const mapIds = new Uint32Array(first.getUint32(52, true));
  const view = mapIds.length === 0 ? first : info(fd, PROGRAM_INFO, [52, mapIds.length, 56, mapIds]);
  return {
    id: view.getUint32(4, true),
    type: view.getUint32(0, true),
    name: text(view, 64),
    tag: hex(new Uint8Array(view.buffer, 8, 8)),
    translatedSize: view.getUint32(20, true),
    jitedSize: view.getUint32(16, true),
    loadTime: view.getBigUint64(40, true),
    uid: view.getUint32(48, true),
    gpl: (view.getUint32(84, true) & 1) !== 0,
    mapIds: [...mapIds.subarray(0, view.getUint32(52, true))],
    btfId: view.getUint32(128, true),
    nanoseconds: view.getBigUint64(192, true),
    runs: view.getBigUint64(200, true),
    recursionMisses: view.getBigUint64(208, true),
    verifiedInstructions: view.getUint32(216, true),
  };
}

/** Of an open map. Throws KernelError. */
export function mapInfo(fd: number): MapInfo {
  const view = info(fd, 88);
  return {
    id: view.getUint32(4, true),
    type: view.getUint32(0, true),
    name: text(view, 24),
    keySize: view.getUint32(8, true),
    valueSize: view.getUint32(12, true),
    maxEntries: view.getUint32(16, true),
    flags: view.getUint32(20, true),
    btfId: view.getUint32(64, true),
    keyType: view.getUint32(68, true),
    valueType: view.getUint32(72, true),
  };
}

/** Of an open link. Throws KernelError. */
export function linkInfo(fd: number): LinkInfo {
  const view = info(fd, 64);
  const type = view.getUint32(0, true);
  const at = LINK_FIELDS[type] ?? {};
  const number = (offset: number | undefined) => (offset === undefined ? 0 : view.getUint32(offset, true));
  return {
    id: view.getUint32(4, true),
    type,
    programId: view.getUint32(8, true),
    ifindex: number(at.ifindex),
    attachType: at.attachType === undefined ? undefined : number(at.attachType),
    btfId: number(at.btfId),
    cgroupId: at.cgroupId === undefined ? 0n : view.getBigUint64(at.cgroupId, true),
  };
}

/** Offsets in struct bpf_link_info by `enum bpf_link_type`. */
const LINK_FIELDS: Readonly<
  Record<number, { ifindex?: number; attachType?: number; btfId?: number; cgroupId?: number }>
> = {
  [LINK.BPF_LINK_TYPE_TRACING]: { attachType: 16, btfId: 24 },
  [LINK.BPF_LINK_TYPE_CGROUP]: { cgroupId: 16, attachType: 24 },
  [LINK.BPF_LINK_TYPE_NETNS]: { attachType: 20 },
  [LINK.BPF_LINK_TYPE_XDP]: { ifindex: 16 },
  [LINK.BPF_LINK_TYPE_TCX]: { ifindex: 16, attachType: 20 },
  [LINK.BPF_LINK_TYPE_NETKIT]: { ifindex: 16, attachType: 20 },
  [LINK.BPF_LINK_TYPE_SOCKMAP]: { attachType: 20 },
};

function btfInfo(fd: number): BtfInfo {
  const name = new Uint8Array(64);
  const view = info(fd, 32, [24, name.length, 16, name]);
  return {
    id: view.getUint32(12, true),
    size: view.getUint32(8, true),
    name: cString(name),
    kernel: view.getUint32(28, true) !== 0,
  };
}

/** Everything that is loaded; what vanishes while we look is left out. */
export function listPrograms(): ProgramInfo[] {
  return list('BPF_PROG_GET_NEXT_ID', 'BPF_PROG_GET_FD_BY_ID', programInfo);
}

/** All maps of the machine. Throws KernelError where it is not permitted (CAP_SYS_ADMIN). */
export function listMaps(): MapInfo[] {
  return list('BPF_MAP_GET_NEXT_ID', 'BPF_MAP_GET_FD_BY_ID', mapInfo);
}

/** All links of the machine. Throws KernelError where it is not permitted (CAP_SYS_ADMIN). */
export function listLinks(): LinkInfo[] {
  return list('BPF_LINK_GET_NEXT_ID', 'BPF_LINK_GET_FD_BY_ID', linkInfo);
}

/** All that is loaded, the kernel's own too. Throws KernelError where it is not permitted (CAP_SYS_ADMIN). */
export function listBtfs(): BtfInfo[] {
  return list('BPF_BTF_GET_NEXT_ID', 'BPF_BTF_GET_FD_BY_ID', btfInfo);
}

/** What the kernel made of a program. Parts that are not shown to us are empty. */
export interface ProgramDump {
  readonly info: ProgramInfo;
  /** Instructions as the verifier left them. */
  readonly code: Uint8Array;
  /** Machine code, of all functions behind each other. */
  readonly machineCode: Uint8Array;
  /** `struct bpf_line_info` and `struct bpf_func_info`, offsets in slots of {@link code}. */
  readonly lines: Uint32Array;
  readonly functions: Uint32Array;
}

/** By its number, or by the file that it is pinned as. */
export function dumpProgram(which: number | string): ProgramDump {
  using handle = openProgramHandle(which);
  const { fd } = handle;
  const view = info(fd, PROGRAM_INFO);
  const bytes = (count: number, pointer: number): Uint8Array => {
    const array = new Uint8Array(view.getUint32(count, true));
    // The kernel takes the address away where it does not show them.
    return array.length > 0 &&
      info(fd, PROGRAM_INFO, [count, array.length, pointer, array]).getBigUint64(pointer, true) > 0n
      ? array
      : new Uint8Array();
  };
  const records = (count: number, pointer: number, size: number, words: number): Uint32Array => {
    const length = view.getUint32(count, true);
    const array = new Uint32Array(length * words);
    if (length > 0 && view.getUint32(size, true) === words * 4)
      info(fd, PROGRAM_INFO, [count, length, pointer, array, size, words * 4]);
    return array;
  };
  return {
    info: programInfo(fd),
    code: bytes(20, 32),
    machineCode: bytes(16, 24),
    lines: records(148, 152, 172, 4),
    functions: records(144, 136, 132, 2),
  };
}

/** The bytes of loaded types. */
export function btfBytesOf(id: number): Uint8Array {
  using handle = byId('BPF_BTF_GET_FD_BY_ID', id, 'types');
  const bytes = new Uint8Array(info(handle.fd, 32).getUint32(8, true));
  info(handle.fd, 32, [8, bytes.length, 0, bytes]);
  return bytes;
}

/** What somebody else loaded, by the number that the kernel gave it or by the file that it is pinned as. */
export function openProgramHandle(which: number | string): Handle {
  return typeof which === 'string' ? openPinned(which) : byId('BPF_PROG_GET_FD_BY_ID', which, 'program');
}

/** A map by its number or by the path of its pin. Throws KernelError. */
export function openMapHandle(which: number | string): Handle {
  return typeof which === 'string' ? openPinned(which) : byId('BPF_MAP_GET_FD_BY_ID', which, 'map');
}

/** A link by its number or by the path of its pin. Throws KernelError. */
export function openLinkHandle(which: number | string): Handle {
  return typeof which === 'string' ? openPinned(which) : byId('BPF_LINK_GET_FD_BY_ID', which, 'link');
}

function byId(open: FdById, id: number, what: string): Handle {
  const fd = bpf(open, { id });
  if (fd < 0) throw systemCallFailed(open, -fd, `${what} ${id}`, 'nothing with that number is loaded: list them');
  return new Handle(fd, `${what} ${id}`);
}

/** The types of the kernel (`vmlinux`) or of a module, by name. */
export function openBtf(name: string): Handle {
  const found = listBtfs().find((one) => one.kernel && one.name === name);
  const fd = found === undefined ? -ERRNO.ENOENT : bpf('BPF_BTF_GET_FD_BY_ID', { id: found.id });
  if (fd < 0) throw systemCallFailed('BPF_BTF_GET_FD_BY_ID', -fd, `the types of ${name}`);
  return new Handle(fd, `types of ${name}`);
}

/** Run counts and times of all programs are kept until the handle is closed. Costs each run some 20 ns. */
export function enableStats(): Handle {
  const BPF_STATS_RUN_TIME = 0;
  const result = bpf('BPF_ENABLE_STATS', { type: BPF_STATS_RUN_TIME });
  if (result < 0) throw systemCallFailed('BPF_ENABLE_STATS', -result, 'run statistics');
  return new Handle(result, 'run statistics');
}

type NextId = Extract<CommandName, `${string}GET_NEXT_ID`>;
type FdById = Extract<CommandName, `${string}GET_FD_BY_ID`>;

function list<T>(next: NextId, open: FdById, read: (fd: number) => T): T[] {
  const found: T[] = [];
  for (let id = 0; ; ) {
    const result = bpf(next, { start_id: id });
    if (result === -ERRNO.ENOENT) return found;
    if (result < 0) throw systemCallFailed(next, -result, 'listing');
    id = returned(next, 'next_id');
    const fd = bpf(open, { id });
    if (fd === -ERRNO.ENOENT) continue;
    if (fd < 0) throw systemCallFailed(open, -fd, `number ${id}`);
    const handle = new Handle(fd, `number ${id}`);
    try {
      found.push(read(handle.fd));
    } finally {
      handle.close();
    }
  }
}

/**
 * The kernel fills what it knows of the structure and leaves the rest zero. `into` is an array of the caller that the
 * kernel shall fill as well: where its length stands in the structure, the length, and where its address; the same for the
 * size of its records, where the kernel asks for it.
 */
function info(
  fd: number,
  size: number,
  into?: readonly [
    ...[countAt: number, count: number, pointerAt: number, array: Uint8Array | Uint32Array],
    ...([recordSizeAt: number, recordSize: number] | []),
  ],
): DataView {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (into) {
    const [countAt, count, pointerAt, array, recordSizeAt, recordSize] = into;
    view.setUint32(countAt, count, true);
    const target = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    view.setBigUint64(pointerAt, BigInt(native().address(target)), true);
    if (recordSizeAt !== undefined) view.setUint32(recordSizeAt, recordSize!, true);
  }
  const result = bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: fd, info_len: size, info: bytes });
  if (result < 0) throw systemCallFailed('BPF_OBJ_GET_INFO_BY_FD', -result, 'information');
  return view;
}

/** Bytes of struct bpf_prog_info. */
const PROGRAM_INFO = 232;

function text(view: DataView, offset: number): string {
  return cString(new Uint8Array(view.buffer, offset, 16));
}
