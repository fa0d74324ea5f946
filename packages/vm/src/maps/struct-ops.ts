import { BPF_F_LINK } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { EINVAL, ENOTSUPP } from '../errno.ts';
import type { Memory } from '../memory.ts';
import { checkMapFlags, demand, PlainMap } from './map.ts';

/**
 * `BPF_MAP_TYPE_STRUCT_OPS` (kernel/bpf/bpf_struct_ops.c): the map in which user space registers a structure of
 * functions. Programs cannot use it; here its only entry holds the bytes that were written, and the functions are called
 * by {@link StructOps}.
 */
export class StructOpsMap extends PlainMap {
  readonly noKeys = ENOTSUPP;
  private value: Uint8Array | undefined;

  constructor(memory: Memory, spec: MapSpec) {
    checkMapFlags(spec, BPF_F_LINK);
    demand(
      spec,
      [spec.keySize === 4, `its key has 4 bytes, not ${spec.keySize}`],
      [spec.maxEntries === 1, `it has one entry, not ${spec.maxEntries}`],
      [spec.valueSize > 0, 'its value has no bytes'],
    );
    super(memory, spec);
  }

  override userLookup(key: number, target: Uint8Array): number {
    if (this.memory.view.getInt32(key, true) !== 0) return -2;
    target.fill(0);
    if (this.value) target.set(this.value);
    return 0;
  }

  override userUpdate(key: number, value: Uint8Array, flags: number): number {
    if (flags !== 0) return EINVAL;
    if (this.memory.view.getInt32(key, true) !== 0) return -7;
    if (this.value !== undefined && (this.spec.flags & BPF_F_LINK) === 0) return -16;
    this.value = value.slice();
    return 0;
  }

  override delete(): number {
    return EINVAL;
  }

  override keys(): Uint8Array[] {
    return [new Uint8Array(4)];
  }
}
