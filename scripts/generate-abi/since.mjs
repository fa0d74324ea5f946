/**
 * The release in which each helper, type and command of bpf(2) first worked, which no header records. Helpers were only
 * ever appended, so the last number of each release says it for all. Releases after 7.2 are not known here: an
 * enumerator without an entry stops the generator, so that a new header cannot slip in undated.
 */
export const LAST_HELPER_OF_RELEASE = [
  ['3.19', 3],
  ['4.1', 11],
  ['4.2', 16],
  ['4.3', 22],
  ['4.4', 25],
  ['4.5', 26],
  ['4.6', 30],
  ['4.8', 36],
  ['4.9', 41],
  ['4.10', 44],
  ['4.11', 45],
  ['4.12', 47],
  ['4.13', 50],
  ['4.14', 53],
  ['4.15', 57],
  ['4.16', 59],
  ['4.17', 64],
  ['4.18', 80],
  ['4.19', 83],
  ['4.20', 90],
  ['5.0', 92],
  ['5.1', 98],
  ['5.2', 108],
  ['5.3', 109],
  ['5.4', 110],
  ['5.5', 115],
  ['5.6', 118],
  ['5.7', 124],
  ['5.8', 135],
  ['5.9', 141],
  ['5.10', 155],
  ['5.11', 162],
  ['5.12', 163],
  ['5.13', 165],
  ['5.14', 168],
  ['5.15', 175],
  ['5.16', 179],
  ['5.17', 185],
  ['5.18', 193],
  ['5.19', 203],
  ['6.0', 207],
  ['6.1', 209],
  ['6.2', 211],
];

/** Per enum: release -> the enumerators it brought, without their common prefix. */
export const SINCE = {
  bpf_map_type: {
    prefix: 'BPF_MAP_TYPE_',
    releases: {
      3.19: 'HASH ARRAY',
      4.2: 'PROG_ARRAY',
      4.3: 'PERF_EVENT_ARRAY',
      4.6: 'PERCPU_HASH PERCPU_ARRAY STACK_TRACE',
      4.8: 'CGROUP_ARRAY',
      '4.10': 'LRU_HASH LRU_PERCPU_HASH',
      4.11: 'LPM_TRIE',
      4.12: 'ARRAY_OF_MAPS HASH_OF_MAPS',
      4.14: 'DEVMAP SOCKMAP',
      4.15: 'CPUMAP',
      4.18: 'XSKMAP SOCKHASH',
      4.19: 'CGROUP_STORAGE REUSEPORT_SOCKARRAY',
      '4.20': 'PERCPU_CGROUP_STORAGE QUEUE STACK',
      5.2: 'SK_STORAGE',
      5.4: 'DEVMAP_HASH',
      5.6: 'STRUCT_OPS',
      5.8: 'RINGBUF',
      '5.10': 'INODE_STORAGE',
      5.11: 'TASK_STORAGE',
      5.16: 'BLOOM_FILTER',
      6.1: 'USER_RINGBUF',
      6.2: 'CGRP_STORAGE',
      6.9: 'ARENA',
      6.19: 'INSN_ARRAY',
      7.2: 'RHASH',
    },
  },
  bpf_prog_type: {
    prefix: 'BPF_PROG_TYPE_',
    releases: {
      3.19: 'SOCKET_FILTER',
      4.1: 'KPROBE SCHED_CLS SCHED_ACT',
      4.7: 'TRACEPOINT',
      4.8: 'XDP',
      4.9: 'PERF_EVENT',
      '4.10': 'CGROUP_SKB CGROUP_SOCK LWT_IN LWT_OUT LWT_XMIT',
      4.13: 'SOCK_OPS',
      4.14: 'SK_SKB',
      4.15: 'CGROUP_DEVICE',
      4.17: 'SK_MSG RAW_TRACEPOINT CGROUP_SOCK_ADDR',
      4.18: 'LWT_SEG6LOCAL LIRC_MODE2',
      4.19: 'SK_REUSEPORT',
      '4.20': 'FLOW_DISSECTOR',
      5.2: 'CGROUP_SYSCTL RAW_TRACEPOINT_WRITABLE',
      5.3: 'CGROUP_SOCKOPT',
      5.5: 'TRACING',
      5.6: 'STRUCT_OPS EXT',
      5.7: 'LSM',
      5.9: 'SK_LOOKUP',
      5.14: 'SYSCALL',
      6.4: 'NETFILTER',
    },
  },
  bpf_attach_type: {
    prefix: 'BPF_',
    releases: {
      '4.10': 'CGROUP_INET_INGRESS CGROUP_INET_EGRESS CGROUP_INET_SOCK_CREATE',
      4.13: 'CGROUP_SOCK_OPS',
      4.14: 'SK_SKB_STREAM_PARSER SK_SKB_STREAM_VERDICT',
      4.15: 'CGROUP_DEVICE',
      4.17:
        'SK_MSG_VERDICT CGROUP_INET4_BIND CGROUP_INET6_BIND CGROUP_INET4_CONNECT CGROUP_INET6_CONNECT ' +
        'CGROUP_INET4_POST_BIND CGROUP_INET6_POST_BIND',
      4.18: 'CGROUP_UDP4_SENDMSG CGROUP_UDP6_SENDMSG LIRC_MODE2',
      '4.20': 'FLOW_DISSECTOR',
      5.2: 'CGROUP_SYSCTL CGROUP_UDP4_RECVMSG CGROUP_UDP6_RECVMSG',
      5.3: 'CGROUP_GETSOCKOPT CGROUP_SETSOCKOPT',
      5.5: 'TRACE_RAW_TP TRACE_FENTRY TRACE_FEXIT',
      5.7: 'MODIFY_RETURN LSM_MAC',
      5.8:
        'TRACE_ITER CGROUP_INET4_GETPEERNAME CGROUP_INET6_GETPEERNAME CGROUP_INET4_GETSOCKNAME ' +
        'CGROUP_INET6_GETSOCKNAME XDP_DEVMAP',
      5.9: 'CGROUP_INET_SOCK_RELEASE XDP_CPUMAP SK_LOOKUP XDP',
      5.13: 'SK_SKB_VERDICT',
      5.14: 'SK_REUSEPORT_SELECT SK_REUSEPORT_SELECT_OR_MIGRATE',
      5.15: 'PERF_EVENT',
      5.18: 'TRACE_KPROBE_MULTI',
      '6.0': 'LSM_CGROUP',
      6.4: 'STRUCT_OPS NETFILTER',
      6.6: 'TCX_INGRESS TCX_EGRESS TRACE_UPROBE_MULTI',
      6.7:
        'CGROUP_UNIX_CONNECT CGROUP_UNIX_SENDMSG CGROUP_UNIX_RECVMSG CGROUP_UNIX_GETPEERNAME ' +
        'CGROUP_UNIX_GETSOCKNAME NETKIT_PRIMARY NETKIT_PEER',
      '6.10': 'TRACE_KPROBE_SESSION',
      6.13: 'TRACE_UPROBE_SESSION',
      '7.0': 'TRACE_FSESSION',
      7.2: 'TRACE_FENTRY_MULTI TRACE_FEXIT_MULTI TRACE_FSESSION_MULTI',
    },
  },
  bpf_link_type: {
    prefix: 'BPF_LINK_TYPE_',
    releases: {
      5.8: 'RAW_TRACEPOINT TRACING CGROUP ITER NETNS',
      5.9: 'XDP',
      5.15: 'PERF_EVENT',
      5.18: 'KPROBE_MULTI',
      6.4: 'STRUCT_OPS NETFILTER',
      6.6: 'TCX UPROBE_MULTI',
      6.7: 'NETKIT',
      '6.10': 'SOCKMAP',
      7.2: 'TRACING_MULTI',
    },
  },
  bpf_cmd: {
    prefix: 'BPF_',
    releases: {
      3.18: 'MAP_CREATE MAP_LOOKUP_ELEM MAP_UPDATE_ELEM MAP_DELETE_ELEM MAP_GET_NEXT_KEY PROG_LOAD',
      4.4: 'OBJ_PIN OBJ_GET',
      '4.10': 'PROG_ATTACH PROG_DETACH',
      4.12: 'PROG_TEST_RUN',
      4.13: 'PROG_GET_NEXT_ID MAP_GET_NEXT_ID PROG_GET_FD_BY_ID MAP_GET_FD_BY_ID OBJ_GET_INFO_BY_FD',
      4.15: 'PROG_QUERY',
      4.17: 'RAW_TRACEPOINT_OPEN',
      4.18: 'BTF_LOAD BTF_GET_FD_BY_ID TASK_FD_QUERY',
      '4.20': 'MAP_LOOKUP_AND_DELETE_ELEM',
      5.2: 'MAP_FREEZE',
      5.4: 'BTF_GET_NEXT_ID',
      5.6: 'MAP_LOOKUP_BATCH MAP_LOOKUP_AND_DELETE_BATCH MAP_UPDATE_BATCH MAP_DELETE_BATCH',
      5.7: 'LINK_CREATE LINK_UPDATE',
      5.8: 'LINK_GET_FD_BY_ID LINK_GET_NEXT_ID ENABLE_STATS ITER_CREATE',
      5.9: 'LINK_DETACH',
      '5.10': 'PROG_BIND_MAP',
      6.9: 'TOKEN_CREATE',
      6.17: 'PROG_STREAM_READ_BY_FD',
      '7.0': 'PROG_ASSOC_STRUCT_OPS',
      7.2: 'COMMON_ATTRS',
    },
  },
};

export function sinceOfHelper(id) {
  const found = LAST_HELPER_OF_RELEASE.find(([, last]) => id <= last);
  if (!found) throw new Error(`helper ${id} is newer than the table of releases`);
  return found[0];
}

/** `[{name, value, since}]`, one entry a value, under the name that is not deprecated. */
export function datedEnum(name, values) {
  const { prefix, releases } = SINCE[name];
  const since = new Map();
  for (const [release, names] of Object.entries(releases))
    for (const one of names.split(' ')) since.set(prefix + one, release);
  const entries = [];
  for (const [enumerator, value] of Object.entries(values)) {
    if (/^__MAX|_UNSPEC$|_DEPRECATED$|^BPF_PROG_RUN$/.test(enumerator)) continue;
    if (!since.has(enumerator)) throw new Error(`${enumerator} has no release in since.mjs`);
    entries.push({ name: enumerator, value: Number(value), since: since.get(enumerator) });
  }
  if (entries.length !== since.size) throw new Error(`since.mjs knows enumerators of ${name} which the header lacks`);
  return entries;
}
