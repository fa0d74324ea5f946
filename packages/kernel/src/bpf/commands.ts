/**
 * Commands of bpf(2) and where their arguments lie in `union bpf_attr`: name of the kernel, byte offset, type.
 * Source: include/uapi/linux/bpf.h; the test compares the offsets with the header when a C compiler is there.
 */
export const COMMANDS = {
  BPF_MAP_CREATE: {
    number: 0,
    fields: {
      map_type: [0, 'u32'],
      key_size: [4, 'u32'],
      value_size: [8, 'u32'],
      max_entries: [12, 'u32'],
      map_flags: [16, 'u32'],
      inner_map_fd: [20, 'u32'],
      numa_node: [24, 'u32'],
      map_name: [28, 'name'],
      map_ifindex: [44, 'u32'],
      btf_fd: [48, 'u32'],
      btf_key_type_id: [52, 'u32'],
      btf_value_type_id: [56, 'u32'],
      btf_vmlinux_value_type_id: [60, 'u32'],
      map_extra: [64, 'u64'],
      value_type_btf_obj_fd: [72, 'u32'],
      map_token_fd: [76, 'u32'],
    },
  },
  BPF_MAP_LOOKUP_ELEM: element(1),
  BPF_MAP_UPDATE_ELEM: element(2),
  BPF_MAP_DELETE_ELEM: { number: 3, fields: { map_fd: [0, 'u32'], key: [8, 'ptr'] } },
  BPF_MAP_GET_NEXT_KEY: {
    number: 4,
    fields: { map_fd: [0, 'u32'], key: [8, 'ptr'], next_key: [16, 'ptr'] },
  },
  BPF_PROG_LOAD: {
    number: 5,
    fields: {
      prog_type: [0, 'u32'],
      insn_cnt: [4, 'u32'],
      insns: [8, 'ptr'],
      license: [16, 'ptr'],
      log_level: [24, 'u32'],
      log_size: [28, 'u32'],
      log_buf: [32, 'ptr'],
      kern_version: [40, 'u32'],
      prog_flags: [44, 'u32'],
      prog_name: [48, 'name'],
      prog_ifindex: [64, 'u32'],
      expected_attach_type: [68, 'u32'],
      prog_btf_fd: [72, 'u32'],
      func_info_rec_size: [76, 'u32'],
      func_info: [80, 'ptr'],
      func_info_cnt: [88, 'u32'],
      line_info_rec_size: [92, 'u32'],
      line_info: [96, 'ptr'],
      line_info_cnt: [104, 'u32'],
      attach_btf_id: [108, 'u32'],
      attach_prog_fd: [112, 'u32'],
      fd_array: [120, 'ptr'],
      prog_token_fd: [144, 'u32'],
    },
  },
  BPF_OBJ_PIN: path(6),
  BPF_OBJ_GET: path(7),
  BPF_PROG_ATTACH: attachment(8),
  BPF_PROG_DETACH: attachment(9),
  BPF_PROG_TEST_RUN: {
    number: 10,
    fields: {
      prog_fd: [0, 'u32'],
      retval: [4, 'u32'],
      data_size_in: [8, 'u32'],
      data_size_out: [12, 'u32'],
      data_in: [16, 'ptr'],
      data_out: [24, 'ptr'],
      repeat: [32, 'u32'],
      duration: [36, 'u32'],
      ctx_size_in: [40, 'u32'],
      ctx_size_out: [44, 'u32'],
      ctx_in: [48, 'ptr'],
      ctx_out: [56, 'ptr'],
      flags: [64, 'u32'],
      cpu: [68, 'u32'],
    },
  },
  BPF_PROG_GET_NEXT_ID: nextId(11),
  BPF_MAP_GET_NEXT_ID: nextId(12),
  BPF_PROG_GET_FD_BY_ID: byId(13),
  BPF_MAP_GET_FD_BY_ID: byId(14),
  BPF_OBJ_GET_INFO_BY_FD: {
    number: 15,
    fields: { bpf_fd: [0, 'u32'], info_len: [4, 'u32'], info: [8, 'ptr'] },
  },
  BPF_RAW_TRACEPOINT_OPEN: {
    number: 17,
    fields: { name: [0, 'ptr'], prog_fd: [8, 'u32'] },
  },
  BPF_BTF_LOAD: {
    number: 18,
    fields: {
      btf: [0, 'ptr'],
      btf_log_buf: [8, 'ptr'],
      btf_size: [16, 'u32'],
      btf_log_size: [20, 'u32'],
      btf_log_level: [24, 'u32'],
      btf_flags: [32, 'u32'],
      btf_token_fd: [36, 'u32'],
    },
  },
  BPF_BTF_GET_FD_BY_ID: byId(19),
  BPF_MAP_LOOKUP_AND_DELETE_ELEM: element(21),
  BPF_MAP_FREEZE: { number: 22, fields: { map_fd: [0, 'u32'] } },
  BPF_BTF_GET_NEXT_ID: nextId(23),
  BPF_MAP_LOOKUP_BATCH: batch(24),
  BPF_MAP_LOOKUP_AND_DELETE_BATCH: batch(25),
  BPF_MAP_UPDATE_BATCH: batch(26),
  BPF_MAP_DELETE_BATCH: batch(27),
  BPF_LINK_CREATE: {
    number: 28,
    fields: {
      prog_fd: [0, 'u32'],
      /** Also `target_ifindex`, and of struct_ops a map in `prog_fd`. */
      target_fd: [4, 'u32'],
      attach_type: [8, 'u32'],
      flags: [12, 'u32'],
      // From here on it depends on the attach type.
      'perf_event.bpf_cookie': [16, 'u64'],
      'tracing.target_btf_id': [16, 'u32'],
      'tracing.cookie': [24, 'u64'],
      iter_info: [16, 'ptr'],
      iter_info_len: [24, 'u32'],
      'kprobe_multi.flags': [16, 'u32'],
      'kprobe_multi.cnt': [20, 'u32'],
      'kprobe_multi.syms': [24, 'ptr'],
      'kprobe_multi.addrs': [32, 'ptr'],
      'kprobe_multi.cookies': [40, 'ptr'],
      'uprobe_multi.path': [16, 'ptr'],
      'uprobe_multi.offsets': [24, 'ptr'],
      'uprobe_multi.ref_ctr_offsets': [32, 'ptr'],
      'uprobe_multi.cookies': [40, 'ptr'],
      'uprobe_multi.cnt': [48, 'u32'],
      'uprobe_multi.flags': [52, 'u32'],
      'uprobe_multi.pid': [56, 'u32'],
      'netfilter.pf': [16, 'u32'],
      'netfilter.hooknum': [20, 'u32'],
      'netfilter.priority': [24, 'u32'],
      'netfilter.flags': [28, 'u32'],
    },
  },
  BPF_LINK_GET_FD_BY_ID: byId(30),
  BPF_LINK_GET_NEXT_ID: nextId(31),
  BPF_LINK_UPDATE: {
    number: 29,
    fields: { link_fd: [0, 'u32'], new_prog_fd: [4, 'u32'], flags: [8, 'u32'], old_prog_fd: [12, 'u32'] },
  },
  BPF_LINK_DETACH: { number: 34, fields: { link_fd: [0, 'u32'] } },
  BPF_ITER_CREATE: { number: 33, fields: { link_fd: [0, 'u32'], flags: [4, 'u32'] } },
  BPF_TOKEN_CREATE: { number: 36, fields: { flags: [0, 'u32'], bpffs_fd: [4, 'u32'] } },
  BPF_ENABLE_STATS: { number: 32, fields: { type: [0, 'u32'] } },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;

/** `u64` takes numbers too; `ptr` takes the bytes pointed at, or an address; `name` is `char[BPF_OBJ_NAME_LEN]`. */
export type FieldType = 'u32' | 'u64' | 'ptr' | 'name';

export interface Command {
  readonly number: number;
  readonly fields: Readonly<Record<string, readonly [offset: number, type: FieldType]>>;
}

export type Arguments<C extends CommandName> = {
  readonly [F in keyof (typeof COMMANDS)[C]['fields']]?: FieldValue<(typeof COMMANDS)[C]['fields'][F]> | undefined;
};

type FieldValue<F> = F extends readonly [number, infer T]
  ? T extends 'u32'
    ? number
    : T extends 'u64'
      ? number | bigint
      : T extends 'name'
        ? string
        : Uint8Array | number
  : never;

function element<const N extends number>(number: N) {
  return { number, fields: { map_fd: [0, 'u32'], key: [8, 'ptr'], value: [16, 'ptr'], flags: [24, 'u64'] } } as const;
}

function batch<const N extends number>(number: N) {
  return {
    number,
    fields: {
      in_batch: [0, 'ptr'],
      out_batch: [8, 'ptr'],
      keys: [16, 'ptr'],
      values: [24, 'ptr'],
      count: [32, 'u32'],
      map_fd: [36, 'u32'],
      elem_flags: [40, 'u64'],
      flags: [48, 'u64'],
    },
  } as const;
}

function attachment<const N extends number>(number: N) {
  return {
    number,
    fields: {
      target_fd: [0, 'u32'],
      attach_bpf_fd: [4, 'u32'],
      attach_type: [8, 'u32'],
      attach_flags: [12, 'u32'],
      replace_bpf_fd: [16, 'u32'],
    },
  } as const;
}

function nextId<const N extends number>(number: N) {
  return { number, fields: { start_id: [0, 'u32'], next_id: [4, 'u32'] } } as const;
}

function byId<const N extends number>(number: N) {
  return { number, fields: { id: [0, 'u32'] } } as const;
}

function path<const N extends number>(number: N) {
  return { number, fields: { pathname: [0, 'ptr'], bpf_fd: [8, 'u32'], file_flags: [12, 'u32'] } } as const;
}
