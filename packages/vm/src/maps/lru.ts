import { BPF_F_NO_COMMON_LRU } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import type { Memory } from '../memory.ts';
import { CONTROL, HashMap, HEAD } from './hash.ts';
import { damaged, type SpecialField } from './map.ts';

/**
 * `BPF_MAP_TYPE_LRU_HASH` and `BPF_MAP_TYPE_LRU_PERCPU_HASH` (kernel/bpf/bpf_lru_list.c): a hash table that drops an old
 * entry where another would be refused. Entries form a list, newest first; one that a program has looked up since it
 * was last considered gets a second chance. The kernel drops in batches from lists of each CPU, so that which entry
 * goes is its secret; that the newest one is there and the size is kept is what programs can count on.
 *
 * Behind the values of an entry: the newer entry, the older one, and whether it was looked up, as words.
 */
export class LruHashMap extends HashMap {
  private readonly links: number;

  constructor(memory: Memory, spec: MapSpec, cpus: number | undefined, special: readonly SpecialField[] = []) {
    super(memory, spec, cpus, special, LINKS, BPF_F_NO_COMMON_LRU);
    this.links = this.entrySize - LINKS;
    if (this.layout.kind === 'hash') this.layout = { ...this.layout, touched: this.links + 8 };
  }

  private get newest(): number {
    return this.memory.view.getUint32(this.control + CONTROL.newest, true);
  }

  private set newest(entry: number) {
    this.memory.view.setUint32(this.control + CONTROL.newest, entry, true);
  }

  private get oldest(): number {
    return this.memory.view.getUint32(this.control + CONTROL.oldest, true);
  }

  private set oldest(entry: number) {
    this.memory.view.setUint32(this.control + CONTROL.oldest, entry, true);
  }

  override lookup(key: number, cpu: number): number {
    const value = super.lookup(key, cpu);
    if (value === 0) return 0;
    const entry = value - (this.cpus > 1 ? cpu * this.stride : 0) - this.keyRoom - HEAD;
    this.memory.view.setInt32(entry + this.links + 8, 1, true);
    return value;
  }

  protected override insert(key: number, hash: number): number {
    const entry = super.insert(key, hash);
    this.pushFront(entry);
    return entry;
  }

  protected override unlinked(entry: number): void {
    const { view } = this.memory;
    const newer = view.getInt32(entry + this.links, true);
    const older = view.getInt32(entry + this.links + 4, true);
    if (newer === 0) this.newest = older;
    else view.setInt32(newer + this.links + 4, older, true);
    if (older === 0) this.oldest = newer;
    else view.setInt32(older + this.links, newer, true);
  }

  protected override makeRoom(): boolean {
    const { view } = this.memory;
    // Every entry may have been looked up, then the first is considered again.
    for (let steps = this.count; steps >= 0; steps--) {
      const entry = this.oldest;
      const seen = entry + this.links + 8;
      if (view.getInt32(seen, true) === 0) return this.delete(entry + HEAD) === 0;
      view.setInt32(seen, 0, true);
      this.unlinked(entry);
      this.pushFront(entry);
    }
    throw damaged(this.spec);
  }

  private pushFront(entry: number): void {
    const { view } = this.memory;
    view.setInt32(entry + this.links, 0, true);
    view.setInt32(entry + this.links + 4, this.newest, true);
    if (this.newest === 0) this.oldest = entry;
    else view.setInt32(this.newest + this.links, entry, true);
    this.newest = entry;
  }
}

const LINKS = 16;
