import { CONTEXTS, type UapiRecord, uapiField, uapiRecord } from '@skep/abi';
import type { ProgramSpec } from '@skep/object';
import type { Machine } from '../machine.ts';
import type { VmMap } from '../maps/map.ts';
import { RingMap } from '../maps/ring.ts';
import { FRAME_SIZE, NULL_END } from '../memory.ts';
import { CALLBACK } from '../program.ts';
import type { FrameState, Timeline } from './timeline.ts';

/** What a number in a register points to, as far as the machine can tell: numbers are not typed. */
export type Meaning =
  | { readonly kind: 'number' }
  /** Zero. */
  | { readonly kind: 'null' }
  /** `fp-16` of a frame; frame 0 is the running one. */
  | { readonly kind: 'stack'; readonly frame: number; readonly offset: number }
  | { readonly kind: 'context'; readonly offset: number; readonly field?: string }
  /** From its first byte; `end` when it is just behind the last one. */
  | { readonly kind: 'packet'; readonly offset: number; readonly end: boolean }
  | { readonly kind: 'map'; readonly map: VmMap }
  | {
      readonly kind: 'value';
      readonly map: VmMap;
      readonly key: Uint8Array;
      readonly offset: number;
      readonly cpu: number;
    }
  /** A record that was reserved in a ring buffer and not submitted yet. */
  | { readonly kind: 'record'; readonly map: VmMap; readonly offset: number; readonly size: number }
  | { readonly kind: 'function'; readonly name: string }
  /** An address of the machine that was recorded or simulated. */
  | { readonly kind: 'kernel' };

/** Tells what numbers of one moment mean. */
export class Pointers {
  private readonly machine: Machine;
  private readonly frames: readonly FrameState[];
  private readonly struct: UapiRecord | undefined;
  private readonly context: number;

  constructor(timeline: Timeline) {
    this.machine = timeline.machine;
    this.frames = timeline.frames();
    this.struct = contextStruct(timeline.levels[0]?.program.spec);
    this.context = timeline.context;
  }

  meaning(value: bigint): Meaning {
    if (value === 0n) return { kind: 'null' };
    const high = Number(value >> 32n);
    const low = Number(value & 0xffff_ffffn);
    if (high === CALLBACK) {
      const found = this.frames[0]?.program.spec.functions.find((one) => one.slot === low);
      if (found) return { kind: 'function', name: found.name };
    }
    if (high !== 0)
      return this.machine.world.read(value, 1, 'kernel') || this.machine.world.read(value, 1, 'user')
        ? { kind: 'kernel' }
        : { kind: 'number' };
    if (low < NULL_END) return { kind: 'number' };
    return (
      this.stack(low) ??
      this.inContext(low) ??
      this.packet(low) ??
      this.map(low) ??
      this.value(low) ??
      this.record(low) ?? { kind: 'number' }
    );
  }

  private stack(at: number): Meaning | undefined {
    for (const [index, { run, frame }] of this.frames.entries()) {
      const top = run.stack + (frame + 1) * FRAME_SIZE;
      // The frame pointer itself is the end of its own frame and no byte of the next.
      if (at > top - FRAME_SIZE && at <= top) return { kind: 'stack', frame: index, offset: at - top };
    }
    return undefined;
  }

  private inContext(at: number): Meaning | undefined {
    const offset = at - this.context;
    if (this.context === 0 || offset < 0 || offset >= (this.struct?.size ?? UNKNOWN_CONTEXT)) return undefined;
    const field = this.struct?.fields.find((one) => one.offset === offset)?.name;
    return { kind: 'context', offset, ...(field !== undefined && { field }) };
  }

  /** From its first byte to behind its last one, by the context of XDP and `__sk_buff` programs. */
  get packetRange(): { readonly data: number; readonly end: number } | undefined {
    const first = this.struct && uapiField(this.struct, 'data');
    const behind = this.struct && uapiField(this.struct, 'data_end');
    // Other contexts have pointers of 8 bytes of these names.
    if (first?.size !== 4 || behind?.size !== 4) return undefined;
    const { view } = this.machine.memory;
    const data = view.getUint32(this.context + first.offset, true);
    const end = view.getUint32(this.context + behind.offset, true);
    return data === 0 || end < data ? undefined : { data, end };
  }

  private packet(at: number): Meaning | undefined {
    const range = this.packetRange;
    if (range === undefined || at < range.data || at > range.end) return undefined;
    return { kind: 'packet', offset: at - range.data, end: at === range.end };
  }

  private map(at: number): Meaning | undefined {
    const map = this.machine.mapsByAddress.get(at);
    return map && { kind: 'map', map };
  }

  private value(at: number): Meaning | undefined {
    for (const map of this.machine.mapsByAddress.values()) {
      const found = findEntry(this.machine, map, at);
      if (found) return { kind: 'value', map, ...found };
    }
    return undefined;
  }

  /** Records have their ring's address just before them, and their length with a busy bit before that. */
  private record(at: number): Meaning | undefined {
    const { view } = this.machine.memory;
    for (let start = at & ~7; start >= Math.max(NULL_END + 8, at - FARTHEST_RECORD); start -= 8) {
      const map = this.machine.mapsByAddress.get(view.getUint32(start - 4, true));
      if (!(map instanceof RingMap)) continue;
      const length = view.getUint32(start - 8, true);
      const size = length & 0x3fffffff;
      if (length >= 0x80000000 && at < start + size) return { kind: 'record', map, offset: at - start, size };
    }
    return undefined;
  }
}

/** The entry of a map whose value an address lies in. */
function findEntry(
  machine: Machine,
  map: VmMap,
  at: number,
): { key: Uint8Array; offset: number; cpu: number } | undefined {
  const { layout } = map;
  const { memory, cpus } = machine;
  if (layout === undefined || layout.kind === 'trie') return undefined;
  const copies = layout.cpuStride === 0 ? 1 : cpus;
  if (layout.kind === 'array') {
    for (let cpu = 0; cpu < copies; cpu++) {
      const from = at - layout.values - cpu * layout.cpuStride;
      if (from < 0 || from >= layout.stride * layout.entries) continue;
      const index = Math.floor(from / layout.stride);
      const key = new Uint8Array(4);
      new DataView(key.buffer).setUint32(0, index, true);
      return { key, offset: from % layout.stride, cpu };
    }
    return undefined;
  }
  const { view, bytes } = memory;
  const room = layout.cpuStride === 0 ? layout.valueSize : layout.cpuStride * copies;
  let left = map.spec.maxEntries;
  for (let chain = 0; chain <= layout.mask; chain++) {
    let entry = view.getUint32(layout.heads + 4 * chain, true);
    while (entry !== 0 && left-- > 0 && entry + layout.valueOffset + room <= memory.size) {
      const offset = at - entry - layout.valueOffset;
      if (offset >= 0 && offset < room) {
        const from = entry + layout.keyOffset;
        const stride = layout.cpuStride || room;
        const key = bytes.slice(from, from + layout.keySize);
        return { key, offset: offset % stride, cpu: Math.floor(offset / stride) };
      }
      entry = view.getUint32(entry, true);
    }
  }
  return undefined;
}

/** The UAPI struct that r1 of a program points to, where it is one. */
function contextStruct(spec: ProgramSpec | undefined): UapiRecord | undefined {
  const { programType, attachType } = spec?.hook ?? {};
  const context = CONTEXTS.find(
    (one) =>
      one.programType === programType &&
      (one.attachTypes === undefined || one.attachTypes.some((type) => type === attachType)),
  );
  const { layout } = context ?? {};
  return layout?.kind === 'uapi' ? uapiRecord(layout.struct) : undefined;
}

/** Bytes of contexts that only the kernel's types describe. */
const UNKNOWN_CONTEXT = 256;
/** How far behind its start a record is recognised, in bytes. */
const FARTHEST_RECORD = 65536;
