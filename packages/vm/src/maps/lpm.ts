import { BPF_F_NO_PREALLOC, BPF_F_NUMA_NODE } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { EEXIST, EINVAL, ENOENT, ENOSPC } from '../errno.ts';
import { type Memory, NULL_END } from '../memory.ts';
import {
  BPF_EXIST,
  BPF_F_ACCESS,
  BPF_NOEXIST,
  checkMapFlags,
  damaged,
  demand,
  type MapLayout,
  PlainMap,
  roundUp8,
} from './map.ts';

/**
 * `BPF_MAP_TYPE_LPM_TRIE` (kernel/bpf/lpm_trie.c): longest prefix match over big-endian bits, a trie without chains of
 * single children. A key is a 32-bit length of the prefix in bits, then the bits.
 *
 * A node in memory: both children, its key (length and bits), whether it only joins its children, the value.
 */
export class LpmTrieMap extends PlainMap {
  private readonly dataBytes: number;
  private readonly maxPrefix: number;
  private readonly valueAt: number;
  private readonly nodeSize: number;
  /** The word that holds the root, as a node's words hold its children. */
  readonly root: number;
  readonly layout: MapLayout;
  /** See {@link MapLayout}: lookups of whole addresses start there, and most end soon. */
  private readonly index: number;
  private count = 0;

  constructor(memory: Memory, spec: MapSpec) {
    checkMapFlags(spec, BPF_F_ACCESS | BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE);
    demand(
      spec,
      [spec.maxEntries > 0, 'max_entries is 0'],
      [(spec.flags & BPF_F_NO_PREALLOC) !== 0, 'an LPM trie needs map_flags BPF_F_NO_PREALLOC'],
      [spec.keySize >= 5 && spec.keySize <= 260, `its keys have ${spec.keySize} bytes; 5 to 260 are possible`],
      [spec.valueSize > 0, 'its values have no bytes'],
    );
    super(memory, spec);
    this.dataBytes = spec.keySize - 4;
    this.maxPrefix = this.dataBytes * 8;
    this.valueAt = roundUp8(DATA + this.dataBytes);
    this.nodeSize = this.valueAt + roundUp8(spec.valueSize);
    this.root = memory.allocate(8);
    this.index = memory.allocate(8 * 256);
    this.layout = {
      kind: 'trie',
      keySize: spec.keySize,
      valueSize: spec.valueSize,
      root: this.root,
      index: this.index,
      joinOffset: JOIN,
      lengthOffset: LENGTH,
      bitsOffset: DATA,
      valueOffset: this.valueAt,
    };
  }

  override lookup(key: number): number {
    const { view } = this.memory;
    const length = view.getUint32(key, true);
    if (length > this.maxPrefix) return 0;
    let found = 0;
    let node = view.getInt32(this.root, true);
    if (length >= INDEXED) {
      const at = this.index + 8 * view.getUint8(key + 4);
      node = view.getInt32(at, true);
      found = view.getInt32(at + 4, true);
    }
    let above = -1;
    while (node !== 0) {
      const own = this.lengthBelow(node, above);
      above = own;
      const match = this.match(node, own, key, length);
      if (match === this.maxPrefix) {
        found = node;
        break;
      }
      if (match < own) break;
      if (view.getInt32(node + JOIN, true) === 0) found = node;
      node = view.getInt32(node + 4 * this.bit(key + 4, own), true);
    }
    return found === 0 ? 0 : found + this.valueAt;
  }

  override update(key: number, value: number, flags: number): number {
    const at = this.place(key, flags);
    if (at <= 0) return at;
    this.memory.bytes.copyWithin(at, value, value + this.spec.valueSize);
    return 0;
  }

  override userUpdate(key: number, value: Uint8Array, flags: number): number {
    const at = this.place(key, flags);
    if (at <= 0) return at;
    this.memory.bytes.set(value, at);
    return 0;
  }

  override userLookup(key: number, target: Uint8Array): number {
    const at = this.lookup(key);
    if (at === 0) return ENOENT;
    target.set(this.memory.bytes.subarray(at, at + this.spec.valueSize));
    return 0;
  }

  override delete(key: number): number {
    const { view } = this.memory;
    const length = view.getUint32(key, true);
    if (length > this.maxPrefix) return EINVAL;
    let link = this.root;
    let parentLink = 0;
    let node = view.getInt32(link, true);
    let match = 0;
    let above = -1;
    while (node !== 0) {
      const own = this.lengthBelow(node, above);
      above = own;
      match = this.match(node, own, key, length);
      if (own !== match || own === length) break;
      parentLink = link;
      link = node + 4 * this.bit(key + 4, own);
      node = view.getInt32(link, true);
    }
    if (node === 0 || view.getInt32(node + LENGTH, true) !== match || match !== length) return ENOENT;
    if (view.getInt32(node + JOIN, true) !== 0) return ENOENT;
    this.count -= 1;
    const left = view.getInt32(node, true);
    const right = view.getInt32(node + 4, true);
    if (left !== 0 && right !== 0) {
      view.setInt32(node + JOIN, 1, true);
      this.reindex(view.getUint8(node + DATA), length);
      return 0;
    }
    view.setInt32(link, left || right, true);
    const byte = view.getUint8(node + DATA);
    this.memory.release(node, this.nodeSize);
    // A joint that has lost a child is taken out as well.
    if (left === 0 && right === 0 && parentLink !== 0) {
      const parent = view.getInt32(parentLink, true);
      if (view.getInt32(parent + JOIN, true) !== 0) {
        view.setInt32(parentLink, view.getInt32(parent, true) || view.getInt32(parent + 4, true), true);
        this.memory.release(parent, this.nodeSize);
      }
    }
    this.reindex(byte, length);
    return 0;
  }

  /** Brings the index up to date after a change of a prefix that starts with a byte. */
  private reindex(byte: number, length: number): void {
    const { view } = this.memory;
    const some = 1 << (INDEXED - Math.min(length, INDEXED));
    const first = byte & -some;
    for (let at = first; at < first + some; at++) {
      let found = 0;
      let node = view.getInt32(this.root, true);
      let above = -1;
      while (node !== 0) {
        const own = this.lengthBelow(node, above);
        above = own;
        const common = Math.min(own, INDEXED);
        if ((view.getUint8(node + DATA) ^ at) >> (INDEXED - common) !== 0) node = 0;
        if (node === 0 || own > INDEXED) break;
        if (view.getInt32(node + JOIN, true) === 0) found = node;
        // Behind the first byte both ways are open: the walk goes on from this node.
        if (own === INDEXED) break;
        node = view.getInt32(node + 4 * ((at >> (INDEXED - 1 - own)) & 1), true);
      }
      view.setInt32(this.index + 8 * at, node, true);
      view.setInt32(this.index + 8 * at + 4, found, true);
    }
  }

  /** Children before their parents, the zero side first (trie_get_next_key). */
  override keys(): Uint8Array[] {
    const { view, bytes } = this.memory;
    const found: Uint8Array[] = [];
    const open: { node: number; done: boolean }[] = [];
    const push = (node: number) => node !== 0 && open.push({ node, done: false });
    push(view.getInt32(this.root, true));
    let steps = 4 * this.count;
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      if (--steps < 0) throw damaged(this.spec);
      if (top.done) {
        open.pop();
        if (view.getInt32(top.node + JOIN, true) === 0)
          found.push(bytes.slice(top.node + LENGTH, top.node + LENGTH + this.spec.keySize));
        continue;
      }
      top.done = true;
      push(view.getInt32(top.node + 4, true));
      push(view.getInt32(top.node, true));
    }
    return found;
  }

  /** Bits behind the prefix mean nothing. */
  sameKey(a: Uint8Array, b: Uint8Array): boolean {
    const length = new DataView(a.buffer, a.byteOffset).getUint32(0, true);
    if (length !== new DataView(b.buffer, b.byteOffset).getUint32(0, true)) return false;
    for (let bit = 0; bit < length && bit < this.maxPrefix; bit += 8) {
      const kept = Math.min(8, length - bit);
      if ((a[4 + (bit >> 3)]! ^ b[4 + (bit >> 3)]!) >> (8 - kept) !== 0) return false;
    }
    return true;
  }

  /** Where the value of a key goes, or an error number. */
  private place(key: number, flags: number): number {
    const { view, bytes } = this.memory;
    if (flags > BPF_EXIST) return EINVAL;
    const length = view.getUint32(key, true);
    if (length > this.maxPrefix) return EINVAL;
    let link = this.root;
    let node = view.getInt32(link, true);
    let match = 0;
    let above = -1;
    while (node !== 0) {
      const own = this.lengthBelow(node, above);
      above = own;
      match = this.match(node, own, key, length);
      if (own !== match || own === length) break;
      link = node + 4 * this.bit(key + 4, own);
      node = view.getInt32(link, true);
    }
    if (node !== 0 && view.getInt32(node + LENGTH, true) === match && match === length) {
      const join = view.getInt32(node + JOIN, true) !== 0;
      if (!join) {
        if (flags === BPF_NOEXIST) return EEXIST;
        this.setKey(node, key);
        return node + this.valueAt;
      }
      const refused = this.refuse(flags);
      if (refused !== 0) return refused;
      this.count += 1;
      view.setInt32(node + JOIN, 0, true);
      this.setKey(node, key);
      bytes.fill(0, node + this.valueAt, node + this.nodeSize);
      this.reindex(view.getUint8(key + 4), length);
      return node + this.valueAt;
    }
    const refused = this.refuse(flags);
    if (refused !== 0) return refused;
    return this.insert(key, length, link, node, match);
  }

  private refuse(flags: number): number {
    if (flags === BPF_EXIST) return ENOENT;
    return this.count >= this.spec.maxEntries ? ENOSPC : 0;
  }

  private insert(key: number, length: number, link: number, node: number, match: number): number {
    const added = this.node(key, length);
    this.count += 1;
    const { view } = this.memory;
    if (node === 0) view.setInt32(link, added, true);
    else if (match === length) {
      // The new prefix is one of the old node's.
      view.setInt32(added + 4 * this.bit(node + DATA, match), node, true);
      view.setInt32(link, added, true);
    } else {
      const join = this.node(node + LENGTH, match);
      const after = this.memory.view;
      after.setInt32(join + JOIN, 1, true);
      const side = this.bit(key + 4, match);
      after.setInt32(join + 4 * side, added, true);
      after.setInt32(join + 4 * (1 - side), node, true);
      after.setInt32(link, join, true);
    }
    this.reindex(this.memory.view.getUint8(added + DATA), length);
    return added + this.valueAt;
  }

  private node(key: number, length: number): number {
    const at = this.memory.allocate(this.nodeSize);
    this.memory.view.setInt32(at + LENGTH, length, true);
    this.setKey(at, key);
    return at;
  }

  /** A node has the bits of the key that was written last, also those behind the prefix. */
  private setKey(node: number, key: number): void {
    this.memory.bytes.copyWithin(node + DATA, key + 4, key + 4 + this.dataBytes);
  }

  /** How many leading bits of a node and a key are the same, at most the shorter of both. */
  private match(node: number, own: number, key: number, length: number): number {
    const { bytes } = this.memory;
    const limit = Math.min(own, length);
    const a = node + DATA;
    const b = key + 4;
    for (let i = 0; i * 8 < limit; i++) {
      const difference = bytes[a + i]! ^ bytes[b + i]!;
      if (difference !== 0) return Math.min(limit, i * 8 + Math.clz32(difference) - 24);
    }
    return limit;
  }

  /** The length of a node's prefix, which is longer than that of the node above: so that every walk ends. */
  private lengthBelow(node: number, above: number): number {
    // Below lies no node, and nobody is to write there.
    if (node < NULL_END) throw damaged(this.spec);
    const own = this.memory.view.getInt32(node + LENGTH, true);
    if (own <= above || own > this.maxPrefix) throw damaged(this.spec);
    return own;
  }

  private bit(data: number, index: number): number {
    return (this.memory.bytes[data + (index >>> 3)]! >>> (7 - (index & 7))) & 1;
  }
}

/** Bits of an address that lookups find the first node by. */
const INDEXED = 8;

/** Offsets in a node; the length and the bits are together a key. */
const JOIN = 8;
const LENGTH = 12;
const DATA = 16;
