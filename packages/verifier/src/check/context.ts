/** What a program may read and write of its context, and which helpers and results it may use. */
import { ATTACH, helperId, PROG } from '@skep/abi';
import { CONTEXT_TABLES, HELPER_TABLES, PROGRAM_TABLES, type ProgramTable } from '../generated/contexts.ts';
import type { KernelProfile } from '../profile.ts';
import {
  MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_FLOW_KEYS,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_TP_BUFFER,
  PTR_TRUSTED,
  SCALAR,
} from '../state/kinds.ts';

export interface ContextAccess {
  readonly read: boolean;
  readonly write: boolean;
  /** Register type that a load gives. */
  readonly type: number;
  /** Of `PTR_TO_BTF_ID`. */
  readonly struct: string | undefined;
}

export interface ContextTable {
  access(off: number, size: number): ContextAccess | undefined;
  /** Numbers of the helpers; undefined where it was not measured. */
  readonly helpers: Set<number> | undefined;
  /** The results that are allowed; undefined for any. */
  readonly result: readonly [number, number] | undefined;
  /** It was measured; otherwise the arguments of a kernel function decide. */
  readonly measured: boolean;
}

const POINTERS: Readonly<Record<string, number>> = {
  pkt: PTR_TO_PACKET,
  pkt_end: PTR_TO_PACKET_END,
  pkt_meta: PTR_TO_PACKET_META,
  sock: PTR_TO_SOCKET,
  sock_or_null: PTR_TO_SOCKET | MAYBE_NULL,
  sock_common_or_null: PTR_TO_SOCK_COMMON | MAYBE_NULL,
  flow_keys: PTR_TO_FLOW_KEYS,
  tp_buffer: PTR_TO_TP_BUFFER,
};

/** What a kernel answered about its types of programs ({@link PROGRAM_TABLES} for one kernel that is not built in). */
export interface MeasuredTables {
  readonly contexts: readonly string[];
  readonly helpers: readonly string[];
  readonly programs: readonly ProgramTable[];
}

const tables = new Map<string, ContextTable>();
const measuredTables = new WeakMap<MeasuredTables, Map<string, ContextTable>>();

/** Where the attach type makes no difference, any row of the program type serves. */
export function contextTable(
  type: number,
  attach: number,
  kernel: KernelProfile['version'],
  measured?: MeasuredTables,
): ContextTable {
  let known = measured === undefined ? tables : measuredTables.get(measured);
  if (known === undefined) {
    known = new Map();
    measuredTables.set(measured!, known);
  }
  const key = `${kernel}/${type}/${attach}`;
  let table = known.get(key);
  if (table === undefined) {
    const isMeasured = measured?.programs.some((row) => row.type === type) ?? false;
    table = build(type, attach, isMeasured ? measured! : builtIn(kernel));
    // The kernel that was measured was locked down.
    if (!isMeasured && TRACING_TYPES.has(type)) table.helpers?.add(PROBE_WRITE_USER);
    known.set(key, table);
  }
  return table;
}

/** Kprobe, tracepoint, perf event, raw tracepoints. */
const TRACING_TYPES = new Set([
  PROG.BPF_PROG_TYPE_KPROBE,
  PROG.BPF_PROG_TYPE_TRACEPOINT,
  PROG.BPF_PROG_TYPE_PERF_EVENT,
  PROG.BPF_PROG_TYPE_RAW_TRACEPOINT,
  PROG.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
]);
const PROBE_WRITE_USER = helperId('bpf_probe_write_user');
/** The interface that a packet leaves by, which programs of device maps may know. */
const EGRESS_IFINDEX = 20;
const MAX_TRACE_RECORD = 8192;
const MAX_SYSCALL_CONTEXT = 0xffff;
const READ_SCALAR: ContextAccess = { read: true, write: false, type: SCALAR, struct: undefined };
const ANY_SCALAR: ContextAccess = { read: true, write: true, type: SCALAR, struct: undefined };

/** Attach types that were not measured: those of Unix sockets are like `connect`. */
const UNIX_ATTACH: Readonly<Record<string, { readonly like: number; readonly result: readonly [number, number] }>> = {
  '18/50': { like: 49, result: [0, 1] },
  '18/51': { like: 49, result: [1, 1] },
  '18/52': { like: 49, result: [1, 1] },
  '18/53': { like: 49, result: [1, 1] },
};

const builtIn = (kernel: KernelProfile['version']): MeasuredTables => ({
  contexts: CONTEXT_TABLES,
  helpers: HELPER_TABLES,
  programs: PROGRAM_TABLES[kernel],
});

function build(type: number, attach: number, from: MeasuredTables): ContextTable {
  const rows = from.programs.filter((row) => row.type === type);
  const row = rows.find((one) => one.attach === (UNIX_ATTACH[`${type}/${attach}`]?.like ?? attach)) ?? rows[0];
  if (row === undefined) return { access: () => undefined, helpers: undefined, result: undefined, measured: false };
  const entries = new Map<number, ContextAccess>();
  for (const text of from.contexts[row.context]!.split(' ')) {
    const found = /^(\d+)\.(\d)\.(\d)(.*)$/.exec(text);
    if (found === null) continue;
    const pointer = found[4]!;
    const struct = pointer.startsWith('trusted_ptr_') ? pointer.slice('trusted_ptr_'.length) : undefined;
    entries.set(Number(found[1]) * 16 + Number(found[2]), {
      read: (Number(found[3]) & 1) !== 0,
      write: (Number(found[3]) & 2) !== 0,
      type: struct !== undefined ? PTR_TO_BTF_ID | PTR_TRUSTED : (POINTERS[pointer] ?? SCALAR),
      struct,
    });
  }
  const access = (off: number, size: number): ContextAccess | undefined => {
    // A negative offset is a large one to the kernel's first comparison, and a small one to the second.
    if (type === PROG.BPF_PROG_TYPE_TRACEPOINT)
      return (off >= 8 || off < 0) && off < MAX_TRACE_RECORD && off % size === 0 ? READ_SCALAR : undefined;
    if (type === PROG.BPF_PROG_TYPE_XDP && attach === ATTACH.BPF_XDP_DEVMAP && off === EGRESS_IFINDEX && size === 4)
      return READ_SCALAR;
    if (type === PROG.BPF_PROG_TYPE_SYSCALL)
      return off >= 0 && off + size <= MAX_SYSCALL_CONTEXT && off % size === 0 ? ANY_SCALAR : undefined;
    return entries.get(off * 16 + size);
  };
  return {
    access,
    helpers: numbers(from.helpers[row.helpers]!),
    result: UNIX_ATTACH[`${type}/${attach}`]?.result ?? row.result,
    measured: true,
  };
}

function numbers(text: string): Set<number> {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [from, to] = part.split('-').map(Number);
    for (let n = from!; n <= (to ?? from!); n++) found.add(n);
  }
  return found;
}
