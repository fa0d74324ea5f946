import { BPF_F_NUMA_NODE, BPF_F_ZERO_SEED } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { EINVAL, ENOENT, EOPNOTSUPP } from '../errno.ts';
import type { Memory } from '../memory.ts';
import { BPF_ANY, BPF_F_ACCESS, checkMapFlags, demand, PlainMap, roundUp8 } from './map.ts';

/**
 * `BPF_MAP_TYPE_BLOOM_FILTER` (kernel/bpf/bloom_filter.c): answers "surely not" or "perhaps" for values. As large as the
 * kernel's; its hash has another seed, so that other values are mistaken for ones that were pushed.
 */
export class BloomMap extends PlainMap {
  readonly noKeys = EOPNOTSUPP;
  private readonly bits: number;
  private readonly mask: number;
  private readonly hashes: number;
  private readonly passage: number;

  constructor(memory: Memory, spec: MapSpec) {
    checkMapFlags(spec, BPF_F_ACCESS | BPF_F_NUMA_NODE | BPF_F_ZERO_SEED);
    demand(
      spec,
      [spec.keySize === 0, 'a bloom filter has no keys'],
      [spec.valueSize > 0, 'its values have no bytes'],
      [spec.maxEntries > 0, 'max_entries is 0'],
      [(spec.mapExtra & ~0xfn) === 0n, `map_extra is the number of hash functions, at most 15, not ${spec.mapExtra}`],
    );
    super(memory, spec);
    this.hashes = Number(spec.mapExtra & 0xfn) || 5;
    // Entries * hashes / ln 2, to the next power of two.
    const wanted = Math.floor((spec.maxEntries * this.hashes) / 5) * 7;
    const size = Math.max(64, 2 ** Math.ceil(Math.log2(Math.max(1, wanted))));
    demand(spec, [size <= 2 ** 32, `${spec.maxEntries} entries are too many`]);
    this.mask = size - 1;
    this.bits = memory.allocate(size / 8);
    this.passage = memory.allocate(roundUp8(spec.valueSize));
  }

  push(value: number, flags: number): number {
    if (flags !== BPF_ANY) return EINVAL;
    for (let i = 0; i < this.hashes; i++) {
      const bit = this.hash(value, i);
      const at = this.bits + (bit >>> 3);
      this.memory.bytes[at] = this.memory.bytes[at]! | (1 << (bit & 7));
    }
    return 0;
  }

  peek(value: number): number {
    for (let i = 0; i < this.hashes; i++) {
      const bit = this.hash(value, i);
      if ((this.memory.bytes[this.bits + (bit >>> 3)]! & (1 << (bit & 7))) === 0) return ENOENT;
    }
    return 0;
  }

  pop(): number {
    return EOPNOTSUPP;
  }
  override delete(): number {
    return EOPNOTSUPP;
  }

  /** The value to look for is what stands in `target`. */
  override userLookup(_key: number, target: Uint8Array): number {
    this.memory.bytes.set(target, this.passage);
    return this.peek(this.passage);
  }

  override userUpdate(_key: number, value: Uint8Array, flags: number): number {
    this.memory.bytes.set(value, this.passage);
    return this.push(this.passage, flags);
  }

  private hash(value: number, seed: number): number {
    const { bytes } = this.memory;
    let hash = Math.imul(seed + 1, 0x9e3779b1);
    for (let i = 0; i < this.spec.valueSize; i++) {
      hash = Math.imul(hash ^ bytes[value + i]!, 0x01000193);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return ((hash ^ (hash >>> 13)) & this.mask) >>> 0;
  }
}
