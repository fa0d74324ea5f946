/** Who may call a helper, and with which prototype. */
import {
  ATTACH,
  type HelperProto,
  helperById,
  helperId,
  helpersOfProgType,
  PROG,
  PROG_TYPES,
  type ProgTypeName,
} from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';

/** Tracing programs are not told apart by attach type in the table of helpers. */
export function protoOf(x: Explorer, id: number): HelperProto | undefined {
  const helper = helperById(id);
  if (helper === undefined) return undefined;
  const set = helperNames(x) ?? helpersOfProgType('BPF_PROG_TYPE_TRACING')!;
  if (
    SOCKET_OPTIONS.has(id) &&
    x.program.input.type === PROG.BPF_PROG_TYPE_TRACING &&
    x.program.input.attachType === ATTACH.BPF_TRACE_ITER
  )
    return /^(bpf_iter_)?(tcp|unix)$/.test(x.program.input.attachTarget ?? '') ? anyProtoOf(helper.name) : undefined;
  // What may sleep was not measured.
  if (x.context.helpers !== undefined && !x.context.helpers.has(id) && !set.get(helper.name)?.mightSleep)
    return undefined;
  if (!x.privileged && !UNPRIVILEGED.has(id)) return undefined;
  return set.get(helper.name) ?? (x.context.helpers?.has(id) ? commonProtoOf(helper.name) : undefined);
}

export function helperMightSleep(id: number): boolean {
  const helper = helperById(id);
  return helper !== undefined && anyProtoOf(helper.name)?.mightSleep === true;
}

function helperNames(x: Explorer): ReadonlyMap<string, HelperProto> | undefined {
  const name = PROG_TYPES.find((one) => one.value === x.program.input.type)?.name as ProgTypeName | undefined;
  return name === undefined ? undefined : helpersOfProgType(name);
}

/**
 * Newer kernels give a helper to more types of programs than the table of prototypes knows: the variant that asks for
 * no context, where there is one.
 */
function commonProtoOf(name: string): HelperProto | undefined {
  for (const type of PROG_TYPES) {
    const found = helpersOfProgType(type.name)?.get(name);
    if (found?.args.every(({ kind }) => kind !== 'ARG_PTR_TO_CTX')) return found;
  }
  return anyProtoOf(name);
}

function anyProtoOf(name: string): HelperProto | undefined {
  for (const type of PROG_TYPES) {
    const found = helpersOfProgType(type.name)?.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** bpf_setsockopt and bpf_getsockopt, which iterators over TCP and Unix sockets may call. */
const SOCKET_OPTIONS = new Set(['bpf_setsockopt', 'bpf_getsockopt'].map(helperId));

/** Helpers that need no privilege. */
const UNPRIVILEGED = new Set(
  [
    'bpf_map_lookup_elem',
    'bpf_map_update_elem',
    'bpf_map_delete_elem',
    'bpf_ktime_get_ns',
    'bpf_get_prandom_u32',
    'bpf_get_smp_processor_id',
    'bpf_tail_call',
    'bpf_get_numa_node_id',
    'bpf_map_push_elem',
    'bpf_map_pop_elem',
    'bpf_map_peek_elem',
    'bpf_ktime_get_boot_ns',
    'bpf_ktime_get_coarse_ns',
    'bpf_ringbuf_output',
    'bpf_ringbuf_reserve',
    'bpf_ringbuf_submit',
    'bpf_ringbuf_discard',
    'bpf_ringbuf_query',
    'bpf_map_lookup_percpu_elem',
    // Of socket filters and of programs of cgroups.
    'bpf_skb_load_bytes',
    'bpf_get_socket_cookie',
    'bpf_get_socket_uid',
    'bpf_skb_load_bytes_relative',
    'bpf_get_current_pid_tgid',
    'bpf_get_current_uid_gid',
    'bpf_get_current_comm',
    'bpf_get_current_task',
    'bpf_rc_repeat',
    'bpf_skb_cgroup_id',
    'bpf_get_current_cgroup_id',
    'bpf_get_local_storage',
    'bpf_sk_select_reuseport',
    'bpf_skb_ancestor_cgroup_id',
    'bpf_sysctl_get_name',
    'bpf_strtol',
    'bpf_strtoul',
    'bpf_sk_fullsock',
    'bpf_tcp_sock',
    'bpf_skb_ecn_set_ce',
    'bpf_get_listener_sock',
    'bpf_perf_event_output',
    'bpf_sk_lookup_tcp',
    'bpf_sk_lookup_udp',
    'bpf_sk_release',
    'bpf_skc_lookup_tcp',
    'bpf_tcp_check_syncookie',
  ].map(helperId),
);
