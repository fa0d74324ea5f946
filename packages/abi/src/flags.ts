import { UAPI_ENUMS } from './generated/uapi-enums.ts';
import { UAPI_MACROS } from './generated/uapi-macros.ts';

// Flags of `linux/bpf.h` by the kernel's names.

// Of BPF_PROG_LOAD.
export const BPF_F_SLEEPABLE = /* @__PURE__ */ flag('BPF_F_SLEEPABLE');
export const BPF_F_XDP_HAS_FRAGS = /* @__PURE__ */ flag('BPF_F_XDP_HAS_FRAGS');
export const BPF_F_XDP_DEV_BOUND_ONLY = /* @__PURE__ */ flag('BPF_F_XDP_DEV_BOUND_ONLY');

// Of BPF_MAP_CREATE.
export const BPF_F_NO_PREALLOC = /* @__PURE__ */ flag('BPF_F_NO_PREALLOC');
export const BPF_F_NO_COMMON_LRU = /* @__PURE__ */ flag('BPF_F_NO_COMMON_LRU');
export const BPF_F_NUMA_NODE = /* @__PURE__ */ flag('BPF_F_NUMA_NODE');
export const BPF_F_RDONLY = /* @__PURE__ */ flag('BPF_F_RDONLY');
export const BPF_F_WRONLY = /* @__PURE__ */ flag('BPF_F_WRONLY');
export const BPF_F_STACK_BUILD_ID = /* @__PURE__ */ flag('BPF_F_STACK_BUILD_ID');
export const BPF_F_ZERO_SEED = /* @__PURE__ */ flag('BPF_F_ZERO_SEED');
export const BPF_F_RDONLY_PROG = /* @__PURE__ */ flag('BPF_F_RDONLY_PROG');
export const BPF_F_WRONLY_PROG = /* @__PURE__ */ flag('BPF_F_WRONLY_PROG');
export const BPF_F_CLONE = /* @__PURE__ */ flag('BPF_F_CLONE');
export const BPF_F_MMAPABLE = /* @__PURE__ */ flag('BPF_F_MMAPABLE');
export const BPF_F_PRESERVE_ELEMS = /* @__PURE__ */ flag('BPF_F_PRESERVE_ELEMS');
export const BPF_F_INNER_MAP = /* @__PURE__ */ flag('BPF_F_INNER_MAP');
/** Also of BPF_LINK_CREATE: the map of a struct_ops is attached by a link. */
export const BPF_F_LINK = /* @__PURE__ */ flag('BPF_F_LINK');
export const BPF_F_VTYPE_BTF_OBJ_FD = /* @__PURE__ */ flag('BPF_F_VTYPE_BTF_OBJ_FD');
/** Of several commands: a token stands in for the capabilities. */
export const BPF_F_TOKEN_FD = /* @__PURE__ */ flag('BPF_F_TOKEN_FD');
export const BPF_F_SEGV_ON_FAULT = /* @__PURE__ */ flag('BPF_F_SEGV_ON_FAULT');
export const BPF_F_NO_USER_CONV = /* @__PURE__ */ flag('BPF_F_NO_USER_CONV');

/** Of updates and lookups. */
export const BPF_F_LOCK = /* @__PURE__ */ flag('BPF_F_LOCK');

// Of BPF_LINK_CREATE.
export const BPF_F_KPROBE_MULTI_RETURN = /* @__PURE__ */ flag('BPF_F_KPROBE_MULTI_RETURN');
export const BPF_F_UPROBE_MULTI_RETURN = /* @__PURE__ */ flag('BPF_F_UPROBE_MULTI_RETURN');
export const BPF_F_NETFILTER_IP_DEFRAG = /* @__PURE__ */ flag('BPF_F_NETFILTER_IP_DEFRAG');

function flag(name: string): number {
  const value = UAPI_MACROS[name] ?? UAPI_ENUMS.find(({ values }) => name in values)?.values[name];
  if (value === undefined) throw new Error(`${name} is not in linux/bpf.h`);
  return value;
}
