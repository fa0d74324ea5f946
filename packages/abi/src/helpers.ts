import { HELPERS } from './generated/helpers.ts';
import type { Helper } from './model.ts';

export { HELPERS };

const byName = /* @__PURE__ */ new Map(HELPERS.map((helper) => [helper.name, helper]));
const byId = /* @__PURE__ */ new Map(HELPERS.map((helper) => [helper.id, helper]));

/** By its number in `enum bpf_func_id`. */
export function helperById(id: number): Helper | undefined {
  return byId.get(id);
}

/** By its full name, `bpf_map_lookup_elem`. */
export function helperByName(name: string): Helper | undefined {
  return byName.get(name);
}

/** The number of a helper, by its full name; throws for a name that no kernel has. */
export function helperId(name: string): number {
  const helper = byName.get(name);
  if (helper === undefined) throw new Error(`there is no helper ${name}`);
  return helper.id;
}

/** The functions whose fentry and fexit programs may call `bpf_d_path` (kernel/trace/bpf_trace.c, `btf_allowlist_d_path`). */
export const D_PATH_FUNCTIONS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'security_file_permission',
  'security_inode_getattr',
  'security_file_open',
  'security_path_truncate',
  'vfs_truncate',
  'vfs_fallocate',
  'dentry_open',
  'vfs_getattr',
  'filp_close',
]);
