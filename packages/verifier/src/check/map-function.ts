/** Which kinds of maps go with which helpers. Rows name the maps a helper takes and the helpers a map takes. */
import { helperId, MAP, type MapTypeName } from '@skep/abi';

export function mapGoesWith(map: number, helper: number): boolean {
  return (OF_MAP[map]?.has(helper) ?? true) && (OF_HELPER[helper]?.has(map) ?? true);
}

const helpers = (...names: string[]): ReadonlySet<number> => new Set(names.map(helperId));
const maps = (...names: Short[]): ReadonlySet<number> => new Set(names.map((name) => MAP[`BPF_MAP_TYPE_${name}`]));
type Short<Name extends string = MapTypeName> = Name extends `BPF_MAP_TYPE_${infer S}` ? S : never;

/** Maps that only these helpers take. */
const OF_MAP: Readonly<Record<number, ReadonlySet<number>>> = {
  [MAP.BPF_MAP_TYPE_PROG_ARRAY]: helpers('bpf_tail_call'),
  [MAP.BPF_MAP_TYPE_PERF_EVENT_ARRAY]: helpers(
    'bpf_perf_event_read',
    'bpf_perf_event_output',
    'bpf_skb_output',
    'bpf_perf_event_read_value',
    'bpf_xdp_output',
  ),
  [MAP.BPF_MAP_TYPE_RINGBUF]: helpers(
    'bpf_ringbuf_output',
    'bpf_ringbuf_reserve',
    'bpf_ringbuf_query',
    'bpf_ringbuf_reserve_dynptr',
    'bpf_ringbuf_submit_dynptr',
    'bpf_ringbuf_discard_dynptr',
  ),
  [MAP.BPF_MAP_TYPE_USER_RINGBUF]: helpers('bpf_user_ringbuf_drain'),
  [MAP.BPF_MAP_TYPE_STACK_TRACE]: helpers('bpf_get_stackid'),
  [MAP.BPF_MAP_TYPE_CGROUP_ARRAY]: helpers('bpf_skb_under_cgroup', 'bpf_current_task_under_cgroup'),
  [MAP.BPF_MAP_TYPE_CGROUP_STORAGE]: helpers('bpf_get_local_storage'),
  [MAP.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE]: helpers('bpf_get_local_storage'),
  [MAP.BPF_MAP_TYPE_DEVMAP]: helpers('bpf_redirect_map', 'bpf_map_lookup_elem'),
  [MAP.BPF_MAP_TYPE_DEVMAP_HASH]: helpers('bpf_redirect_map', 'bpf_map_lookup_elem'),
  [MAP.BPF_MAP_TYPE_CPUMAP]: helpers('bpf_redirect_map'),
  [MAP.BPF_MAP_TYPE_XSKMAP]: helpers('bpf_redirect_map', 'bpf_map_lookup_elem'),
  [MAP.BPF_MAP_TYPE_ARRAY_OF_MAPS]: helpers('bpf_map_lookup_elem'),
  [MAP.BPF_MAP_TYPE_HASH_OF_MAPS]: helpers('bpf_map_lookup_elem'),
  [MAP.BPF_MAP_TYPE_SOCKMAP]: helpers(
    'bpf_sk_redirect_map',
    'bpf_sock_map_update',
    'bpf_msg_redirect_map',
    'bpf_sk_select_reuseport',
    'bpf_map_lookup_elem',
    'bpf_map_update_elem',
    'bpf_map_delete_elem',
  ),
  [MAP.BPF_MAP_TYPE_SOCKHASH]: helpers(
    'bpf_sk_redirect_hash',
    'bpf_sock_hash_update',
    'bpf_msg_redirect_hash',
    'bpf_sk_select_reuseport',
    'bpf_map_lookup_elem',
    'bpf_map_update_elem',
    'bpf_map_delete_elem',
  ),
  [MAP.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY]: helpers('bpf_sk_select_reuseport'),
  [MAP.BPF_MAP_TYPE_QUEUE]: helpers('bpf_map_peek_elem', 'bpf_map_pop_elem', 'bpf_map_push_elem'),
  [MAP.BPF_MAP_TYPE_STACK]: helpers('bpf_map_peek_elem', 'bpf_map_pop_elem', 'bpf_map_push_elem'),
  [MAP.BPF_MAP_TYPE_SK_STORAGE]: helpers('bpf_sk_storage_get', 'bpf_sk_storage_delete', 'bpf_kptr_xchg'),
  [MAP.BPF_MAP_TYPE_INODE_STORAGE]: helpers('bpf_inode_storage_get', 'bpf_inode_storage_delete', 'bpf_kptr_xchg'),
  [MAP.BPF_MAP_TYPE_TASK_STORAGE]: helpers('bpf_task_storage_get', 'bpf_task_storage_delete', 'bpf_kptr_xchg'),
  [MAP.BPF_MAP_TYPE_CGRP_STORAGE]: helpers('bpf_cgrp_storage_get', 'bpf_cgrp_storage_delete', 'bpf_kptr_xchg'),
  [MAP.BPF_MAP_TYPE_BLOOM_FILTER]: helpers('bpf_map_peek_elem', 'bpf_map_push_elem'),
};

/** Helpers that only these maps go with. */
const OF_HELPER: Readonly<Record<number, ReadonlySet<number>>> = {
  [helperId('bpf_tail_call')]: maps('PROG_ARRAY'),
  [helperId('bpf_perf_event_read')]: maps('PERF_EVENT_ARRAY'),
  [helperId('bpf_perf_event_output')]: maps('PERF_EVENT_ARRAY'),
  [helperId('bpf_perf_event_read_value')]: maps('PERF_EVENT_ARRAY'),
  [helperId('bpf_skb_output')]: maps('PERF_EVENT_ARRAY'),
  [helperId('bpf_xdp_output')]: maps('PERF_EVENT_ARRAY'),
  [helperId('bpf_ringbuf_output')]: maps('RINGBUF'),
  [helperId('bpf_ringbuf_reserve')]: maps('RINGBUF'),
  [helperId('bpf_ringbuf_query')]: maps('RINGBUF'),
  [helperId('bpf_ringbuf_reserve_dynptr')]: maps('RINGBUF'),
  [helperId('bpf_ringbuf_submit_dynptr')]: maps('RINGBUF'),
  [helperId('bpf_ringbuf_discard_dynptr')]: maps('RINGBUF'),
  [helperId('bpf_user_ringbuf_drain')]: maps('USER_RINGBUF'),
  [helperId('bpf_get_stackid')]: maps('STACK_TRACE'),
  [helperId('bpf_current_task_under_cgroup')]: maps('CGROUP_ARRAY'),
  [helperId('bpf_skb_under_cgroup')]: maps('CGROUP_ARRAY'),
  [helperId('bpf_redirect_map')]: maps('DEVMAP', 'DEVMAP_HASH', 'CPUMAP', 'XSKMAP'),
  [helperId('bpf_sk_redirect_map')]: maps('SOCKMAP'),
  [helperId('bpf_msg_redirect_map')]: maps('SOCKMAP'),
  [helperId('bpf_sock_map_update')]: maps('SOCKMAP'),
  [helperId('bpf_sk_redirect_hash')]: maps('SOCKHASH'),
  [helperId('bpf_msg_redirect_hash')]: maps('SOCKHASH'),
  [helperId('bpf_sock_hash_update')]: maps('SOCKHASH'),
  [helperId('bpf_get_local_storage')]: maps('CGROUP_STORAGE', 'PERCPU_CGROUP_STORAGE'),
  [helperId('bpf_sk_select_reuseport')]: maps('REUSEPORT_SOCKARRAY', 'SOCKMAP', 'SOCKHASH'),
  [helperId('bpf_map_pop_elem')]: maps('QUEUE', 'STACK'),
  [helperId('bpf_map_peek_elem')]: maps('QUEUE', 'STACK', 'BLOOM_FILTER'),
  [helperId('bpf_map_push_elem')]: maps('QUEUE', 'STACK', 'BLOOM_FILTER'),
  [helperId('bpf_map_lookup_percpu_elem')]: maps('PERCPU_ARRAY', 'PERCPU_HASH', 'LRU_PERCPU_HASH'),
  [helperId('bpf_sk_storage_get')]: maps('SK_STORAGE'),
  [helperId('bpf_sk_storage_delete')]: maps('SK_STORAGE'),
  [helperId('bpf_inode_storage_get')]: maps('INODE_STORAGE'),
  [helperId('bpf_inode_storage_delete')]: maps('INODE_STORAGE'),
  [helperId('bpf_task_storage_get')]: maps('TASK_STORAGE'),
  [helperId('bpf_task_storage_delete')]: maps('TASK_STORAGE'),
  [helperId('bpf_cgrp_storage_get')]: maps('CGRP_STORAGE'),
  [helperId('bpf_cgrp_storage_delete')]: maps('CGRP_STORAGE'),
};
