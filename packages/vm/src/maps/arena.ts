import { BPF_F_MMAPABLE, BPF_F_NO_USER_CONV, BPF_F_SEGV_ON_FAULT } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { EBUSY, EINVAL, EOPNOTSUPP } from '../errno.ts';
import type { Memory } from '../memory.ts';
import { checkMapFlags, demand, PlainMap } from './map.ts';

/**
 * `BPF_MAP_TYPE_ARENA` (kernel/bpf/arena.c): pages that programs and user space share by address. They lie in one piece
 * of the machine's memory, whose offsets are the low halves of their addresses; where user space wants the arena to lie
 * (`map_extra`) makes no difference. At most {@link MOST_PAGES} pages can be in use. Pages that were not allocated read as
 * zeroes and forget what is written, as in the kernel ({@link Machine.castKern}); but not where an instruction gets there
 * by an offset from a page that was.
 */
export class ArenaMap extends PlainMap {
  /** Offset of the first page. */
  readonly start: number;
  readonly pages: number;
  /** One byte a page. */
  private readonly state: Uint8Array;

  constructor(memory: Memory, spec: MapSpec) {
    checkMapFlags(spec, BPF_F_SEGV_ON_FAULT | BPF_F_MMAPABLE | BPF_F_NO_USER_CONV);
    demand(
      spec,
      [(spec.flags & BPF_F_MMAPABLE) !== 0, 'arenas need map_flags BPF_F_MMAPABLE'],
      [spec.keySize === 0 && spec.valueSize === 0, 'arenas have neither keys nor values'],
      [spec.maxEntries > 0, 'max_entries, the number of its pages, is 0'],
      [spec.maxEntries <= 1 << 20, 'arenas have at most 4 GiB'],
      [(spec.mapExtra & 0xfffn) === 0n, 'map_extra is no address of a page'],
    );
    super(memory, spec);
    this.pages = Math.min(spec.maxEntries, MOST_PAGES);
    this.start = (memory.allocate((this.pages + 1) * PAGE) + PAGE - 1) & ~(PAGE - 1);
    this.state = new Uint8Array(this.pages);
    const globals = spec.initialValue;
    if (globals) {
      demand(spec, [globals.length <= this.pages * PAGE, 'its pages do not hold its variables']);
      this.state.fill(USED, 0, Math.ceil(globals.length / PAGE));
      memory.bytes.set(globals, this.start);
    }
  }

  /** Pages for a program: zeroed, at an address if it wants one (0: anywhere). Gives their offset, or 0. */
  allocate(low: number, high: number, count: number): number {
    const wanted = (low | high) === 0 ? undefined : this.pageOf(low >>> 0);
    if (count === 0 || count > this.pages || wanted === -1) return 0;
    const first = wanted ?? this.gap(count);
    if (first < 0 || first + count > this.pages) return 0;
    for (let page = first; page < first + count; page++) if (this.state[page] !== FREE) return 0;
    this.state.fill(USED, first, first + count);
    this.memory.work += this.pages + count * PAGE;
    const at = this.start + first * PAGE;
    this.memory.bytes.fill(0, at, at + count * PAGE);
    return at;
  }

  free(at: number, count: number): void {
    const first = this.pageOf(at);
    if (first < 0) return;
    const end = Math.min(first + count, this.pages);
    this.memory.work += (end - first) * PAGE;
    for (let page = first; page < end; page++) {
      if (this.state[page] !== USED) continue;
      this.state[page] = FREE;
      this.memory.bytes.fill(0, this.start + page * PAGE, this.start + (page + 1) * PAGE);
    }
  }

  /** Pages that nobody gets; EBUSY when one is in use. */
  reserve(at: number, count: number): number {
    const first = this.pageOf(at);
    if (count === 0) return 0;
    if (first < 0 || first + count > this.pages) return EINVAL;
    for (let page = first; page < first + count; page++) if (this.state[page] !== FREE) return EBUSY;
    this.state.fill(RESERVED, first, first + count);
    return 0;
  }

  /** What user space sees by mapping it: bytes at an address or offset of the arena. Invalid after memory grew. */
  view(address: number | bigint, size: number): Uint8Array {
    const at = Number(BigInt.asUintN(32, BigInt(address)));
    if (at < this.start || at + size > this.start + this.pages * PAGE)
      throw new RangeError(`0x${address.toString(16)} and the ${size} bytes there are not in the arena`);
    return this.memory.bytes.subarray(at, at + size);
  }

  /** Whether an offset of memory lies in a page of the arena, and whether programs have that page. */
  stateOf(at: number): 'elsewhere' | 'used' | 'free' {
    const page = (at - this.start) >> 12;
    if (at < this.start || page >= this.pages) return 'elsewhere';
    return this.state[page] === USED ? 'used' : 'free';
  }

  /** Pages that programs have. */
  get used(): number {
    return this.state.reduce((sum, one) => sum + (one === USED ? 1 : 0), 0);
  }

  readonly noKeys = EOPNOTSUPP;
  override userUpdate(): number {
    return EOPNOTSUPP;
  }
  override userLookup(): number {
    return EINVAL;
  }
  override delete(): number {
    return EOPNOTSUPP;
  }

  private pageOf(at: number): number {
    const page = (at - this.start) / PAGE;
    return Number.isInteger(page) && page >= 0 && page < this.pages ? page : -1;
  }

  /** The first run of free pages that is long enough. */
  private gap(count: number): number {
    let from = 0;
    for (let page = 0; page < this.pages; page++) {
      if (this.state[page] !== FREE) from = page + 1;
      else if (page - from + 1 === count) return from;
    }
    return -1;
  }
}

const PAGE = 4096;
/** 256 MiB. */
const MOST_PAGES = 65536;
const FREE = 0;
const USED = 1;
const RESERVED = 2;
