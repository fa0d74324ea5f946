import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_STACK_BUILD_ID, BPF_F_WRONLY } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { E2BIG, EEXIST, EFAULT, EINVAL, ENOENT } from '../errno.ts';
import type { Memory } from '../memory.ts';
import { checkMapFlags, demand, indexKey, PlainMap } from './map.ts';

/**
 * `BPF_MAP_TYPE_STACK_TRACE` (kernel/bpf/stackmap.c): stacks that `bpf_get_stackid` stored, by a hash of their
 * addresses; a stack whose place another has is refused unless it may be overwritten.
 */
export class StackTraceMap extends PlainMap {
  private readonly stacks = new Map<number, readonly bigint[]>();
  private readonly buckets: number;
  /** Its entries are `struct bpf_stack_build_id`. No file is known here: they have addresses in place of ids. */
  private readonly byBuildId: boolean;
  /** Addresses that one stack may have. */
  readonly depth: number;

  constructor(memory: Memory, spec: MapSpec) {
    checkMapFlags(spec, BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID);
    const byBuildId = (spec.flags & BPF_F_STACK_BUILD_ID) !== 0;
    const entry = byBuildId ? BUILD_ID_ENTRY : 8;
    demand(
      spec,
      [spec.maxEntries > 0, 'max_entries is 0'],
      [spec.keySize === 4, `its keys have 4 bytes, not ${spec.keySize}`],
      [
        spec.valueSize >= entry && spec.valueSize % entry === 0,
        `its values are addresses of ${entry} bytes, not ${spec.valueSize}`,
      ],
      [spec.valueSize / entry <= MAX_DEPTH, `a stack has at most ${MAX_DEPTH} addresses`],
    );
    super(memory, spec);
    this.byBuildId = byBuildId;
    this.depth = spec.valueSize / entry;
    this.buckets = 2 ** Math.ceil(Math.log2(spec.maxEntries));
  }

  /** The id of a stack, its addresses innermost first; EFAULT of an empty one, EEXIST when another has its place. */
  store(stack: readonly bigint[], flags: number): number {
    const skip = flags & SKIP_MASK;
    if (stack.length <= skip) return EFAULT;
    const cut = stack.slice(skip, skip + this.depth);
    let hash = 0x811c9dc5;
    for (const address of cut) {
      hash = Math.imul(hash ^ Number(address & 0xffffffffn), 0x01000193);
      hash = Math.imul(hash ^ Number((address >> 32n) & 0xffffffffn), 0x01000193);
    }
    const id = ((hash ^ (hash >>> 15)) >>> 0) & (this.buckets - 1);
    const old = this.stacks.get(id);
    if (old && !(old.length === cut.length && old.every((one, i) => one === cut[i])) && (flags & REUSE_STACKID) === 0)
      return EEXIST;
    this.stacks.set(id, cut);
    return id;
  }

  /** Keeps a recorded stack under the number that it had; gives that, or the error. */
  keep(id: number, stack: readonly bigint[], flags: number): number {
    const skip = flags & SKIP_MASK;
    if (id >= 0) this.stacks.set(id & (this.buckets - 1), stack.slice(skip, skip + this.depth));
    return id;
  }

  override userLookup(key: number, target: Uint8Array): number {
    const stack = this.stacks.get(this.memory.view.getUint32(key, true));
    if (stack === undefined) return ENOENT;
    const view = new DataView(target.buffer, target.byteOffset);
    target.fill(0);
    for (const [i, address] of stack.entries()) {
      if (this.byBuildId) {
        view.setInt32(BUILD_ID_ENTRY * i, BPF_STACK_BUILD_ID_IP, true);
        view.setBigUint64(BUILD_ID_ENTRY * i + 24, address, true);
      } else view.setBigUint64(8 * i, address, true);
    }
    return 0;
  }

  /** Since Linux 6.18. */
  take(key: number, target: Uint8Array): number {
    const found = this.userLookup(key, target);
    return found === 0 ? this.delete(key) : found;
  }

  override userUpdate(): number {
    return EINVAL;
  }

  override delete(key: number): number {
    const id = this.memory.view.getUint32(key, true);
    if (id >= this.buckets) return E2BIG;
    return this.stacks.delete(id) ? 0 : ENOENT;
  }

  override keys(): Uint8Array[] {
    return [...this.stacks.keys()].sort((a, b) => a - b).map(indexKey);
  }
}

/** `sysctl_perf_event_max_stack`. */
const MAX_DEPTH = 127;
const SKIP_MASK = 0xff;
const REUSE_STACKID = 1 << 10;

/** Bytes of `struct bpf_stack_build_id`: how it went, twenty of the id, the offset or the address. */
const BUILD_ID_ENTRY = 32;
const BPF_STACK_BUILD_ID_IP = 2;
