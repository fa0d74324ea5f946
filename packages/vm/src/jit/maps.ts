import type { MapLayout } from '../maps/map.ts';
import { NULL_END } from '../memory.ts';
import { emitDelete, emitUpdate, type HashLayout, IN_JAVASCRIPT } from './hash-changes.ts';
import { ADDRESSES } from './instructions/access.ts';
import { COPY_WORDS, emitCopy, emitHash, emitSame, emitSameWords, type Operand, operand, SMALL_KEY } from './keys.ts';
import type { HelperSite, Trust } from './shared.ts';
import { longestPrefix } from './tries.ts';
import * as w from './wasm.ts';

/** What map operations need of the module that they become part of. */
export interface MapModule {
  readonly module: w.ModuleBuilder;
  readonly trust: Trust;
  readonly fuel: number;
  readonly cpu: number;
  /** Emits the call of the helper in JavaScript; leaves r0 on the stack. */
  readonly slow: (site: HelperSite) => void;
}

/**
 * Lookups and updates of arrays and hash tables without leaving WebAssembly. An array's lookup is a comparison and an
 * addition where it stands; a hash table's is a function of its own for each map, with its sizes as constants. What
 * these do not cover (insertion, deletion, pointers that may be wrong) goes to the helper itself.
 */
export class MapOperations {
  private readonly into: MapModule;
  private readonly finds = new Map<MapLayout, number>();
  private readonly updates = new Map<MapLayout, number>();
  private readonly changers = { update: new Map<MapLayout, number>(), delete: new Map<MapLayout, number>() };

  constructor(into: MapModule) {
    this.into = into;
  }

  /** Whether {@link lookup} can do anything for a map: of tries, those of IPv4 and IPv6 addresses. */
  static looksUp(layout: MapLayout): boolean {
    return layout.kind !== 'trie' || layout.keySize === 8 || layout.keySize === 20;
  }

  /** Whether lookups in a map take the key word by word, from wherever its words are held. */
  static takesWords(layout: MapLayout): boolean {
    if (layout.kind === 'hash') return layout.keySize % 4 === 0 && layout.keySize <= SMALL_KEY;
    return layout.kind === 'array' || layout.keySize === 8;
  }

  /** bpf_map_lookup_elem(map, key) into r0. */
  lookup(site: HelperSite, layout: MapLayout): void {
    const { code } = site;
    const checked = this.needsCheck(site, 2, layout.keySize);
    if (checked) {
      this.inside(site, 2);
      code.op(w.IF);
      code.op(w.I32);
    }
    if (layout.kind === 'array') this.element(site, layout);
    else if (layout.kind === 'hash' && layout.keySize <= SMALL_KEY) this.probe(site, layout);
    else {
      this.save(site);
      site.flush({ 2: layout.keySize });
      this.pointer(site, 2);
      code.op1(w.CALL, layout.kind === 'hash' ? this.find(layout) : this.longestPrefix(layout));
      this.restore(site);
    }
    if (checked) {
      code.op(w.ELSE);
      this.into.slow(site);
      code.op(w.I32_WRAP);
      code.op(w.END);
    }
    site.give32();
  }

  /** Whether {@link update} can do anything for a map. */
  static updates(layout: MapLayout): boolean {
    return layout.kind !== 'trie' && layout.plain && (layout.kind === 'array' || layout.touched === 0);
  }

  /** Whether {@link insert} and {@link remove} can: links are followed without a look, as nobody has written there. */
  changes(layout: MapLayout): layout is HashLayout {
    return this.into.trust !== 'unverified' && layout.kind === 'hash' && layout.plain;
  }

  /** bpf_map_update_elem of a hash table into r0, whether the entry is there or not. */
  insert(site: HelperSite, layout: HashLayout): void {
    const { code, temporary } = site;
    site.flush({ 2: layout.keySize, 3: layout.valueSize });
    this.pointer(site, 2);
    this.pointer(site, 3);
    // Other flags than those of 32 bits are like others that there are not.
    site.get(4);
    code.i64(-1, 0);
    site.get(4);
    code.i64(-1, 0);
    code.op(w.I64_LT_U);
    code.op(w.SELECT);
    code.op(w.I32_WRAP);
    code.op1(w.CALL, this.changing(layout, 'update', emitUpdate));
    this.orSlow(site, temporary);
  }

  /** bpf_map_delete_elem of a hash table into r0. */
  remove(site: HelperSite, layout: HashLayout): void {
    const { code, temporary } = site;
    site.flush({ 2: layout.keySize });
    this.pointer(site, 2);
    code.op1(w.CALL, this.changing(layout, 'delete', emitDelete));
    this.orSlow(site, temporary);
  }

  /** The result on the stack into r0, unless it says that JavaScript is to do it. */
  private orSlow(site: HelperSite, temporary: number): void {
    const { code } = site;
    code.op1(w.LOCAL_TEE, temporary);
    code.i32(IN_JAVASCRIPT);
    code.op(w.I32_EQ);
    code.op(w.IF);
    code.op(w.I64);
    this.into.slow(site);
    code.op(w.ELSE);
    code.op1(w.LOCAL_GET, temporary);
    code.op(w.I64_EXTEND_S);
    code.op(w.END);
    site.give();
  }

  private changing(
    layout: HashLayout,
    kind: 'update' | 'delete',
    emit: (code: w.Code, layout: HashLayout, cpu: number) => number,
  ): number {
    const known = this.changers[kind].get(layout);
    if (known !== undefined) return known;
    const { module, cpu } = this.into;
    const params = new Array<number>(kind === 'update' ? 3 : 1).fill(w.I32);
    const index = module.declare({ params, results: [w.I32] });
    this.changers[kind].set(layout, index);
    const code = new w.Code();
    const words = emit(code, layout, cpu);
    const wide = kind === 'update' ? COPY_WORDS : 0;
    module.define(index, [...new Array<number>(words).fill(w.I32), ...new Array<number>(wide).fill(w.I64)], code);
    return index;
  }

  /** bpf_map_update_elem(map, key, value, flags) into r0. */
  update(site: HelperSite, layout: MapLayout): void {
    const { code } = site;
    code.op(w.BLOCK);
    code.op(w.VOID);
    code.op(w.BLOCK);
    code.op(w.VOID);
    for (const [register, size] of [
      [2, layout.keySize],
      [3, layout.valueSize],
    ] as const) {
      if (!this.needsCheck(site, register, size)) continue;
      this.inside(site, register);
      code.op(w.I32_EQZ);
      code.op1(w.BR_IF, 0);
    }
    // BPF_ANY and BPF_EXIST overwrite what is there.
    const flags = site.known(4);
    if (flags?.kind !== 'number' || (flags.value & ~2) !== 0) {
      site.get(4);
      code.i64(~2, -1);
      code.op(w.I64_AND);
      code.op(w.I64_EQZ);
      code.op(w.I32_EQZ);
      code.op1(w.BR_IF, 0);
    }
    if (layout.kind === 'trie') throw new Error('tries are updated in JavaScript');
    this.save(site);
    site.flush({ 2: layout.keySize, 3: layout.valueSize });
    this.pointer(site, 2);
    this.pointer(site, 3);
    code.op1(w.CALL, this.overwrite(layout));
    this.restore(site);
    code.op(w.I32_EQZ);
    code.op1(w.BR_IF, 0);
    code.i64(0, 0);
    site.give();
    code.op1(w.BR, 1);
    code.op(w.END);
    this.into.slow(site);
    site.give();
    code.op(w.END);
  }

  /** Chains are walked on the budget's account: a program that is not trusted may have made them circular. */
  private save(site: HelperSite): void {
    if (this.into.trust === 'unverified') site.save();
  }

  private restore(site: HelperSite): void {
    if (this.into.trust === 'unverified') site.restore();
  }

  private needsCheck(site: HelperSite, register: number, size: number): boolean {
    if (this.into.trust !== 'unverified') return false;
    const known = site.known(register);
    return !(known?.kind === 'frame' && known.value >= 0 && known.value + size < 0x8000);
  }

  /** Leaves 1 on the stack when a register may point to memory; past the end of memory the access itself traps. */
  private inside(site: HelperSite, register: number): void {
    const { code } = site;
    site.get(register);
    code.i64(-NULL_END, -1);
    code.op(w.I64_ADD);
    code.i64(ADDRESSES, 0);
    code.op(w.I64_LT_U);
  }

  private pointer(site: HelperSite, register: number): void {
    const { code } = site;
    const known = site.known(register);
    if (known?.kind === 'frame') {
      code.op1(w.LOCAL_GET, site.frame);
      code.i32(known.value);
      code.op(w.I32_ADD);
    } else {
      site.get32(register);
    }
  }

  /** A hash table's lookup where it stands; that the first entry of the chain is not the one is rare. */
  private probe(site: HelperSite, layout: Extract<MapLayout, { kind: 'hash' }>): void {
    const { code, temporary: hash, temporary2: entry } = site;
    const { keySize } = layout;
    const whole = MapOperations.takesWords(layout);
    if (whole) {
      // Each word is read once: processors wait for a read of what several writes have just put together.
      for (let at = 0; at < keySize; at += 4) {
        site.load32(2, at);
        code.op1(w.LOCAL_SET, site.word(at / 4));
      }
    } else site.flush({ 2: keySize });
    const key: Operand = (load, at) => {
      if (whole) code.op1(w.LOCAL_GET, site.word(at / 4));
      else {
        this.pointer(site, 2);
        code.access(load, at);
      }
    };
    const own = operand(code, entry, layout.keyOffset);
    const same = (): void => (whole ? emitSameWords(code, keySize, key, own) : emitSame(code, keySize, key, own));
    emitHash(code, keySize, key, hash);
    this.chain(code, layout, entry);
    this.save(site);
    code.op(w.BLOCK);
    code.op(w.I32);
    code.op(w.BLOCK);
    code.op(w.VOID);
    for (const first of [true, false]) {
      if (!first) {
        code.op(w.LOOP);
        code.op(w.VOID);
        code.op1(w.LOCAL_GET, entry);
        code.access(w.I32_LOAD, 0);
        code.op1(w.LOCAL_SET, entry);
      }
      code.op1(w.LOCAL_GET, entry);
      code.op(w.I32_EQZ);
      code.op1(w.BR_IF, first ? 0 : 1);
      same();
      code.op(w.IF);
      code.op(w.VOID);
      this.found(code, layout, entry);
      code.op1(w.BR, first ? 2 : 3);
      code.op(w.END);
    }
    this.again(code, hash);
    code.op(w.END);
    code.op(w.END);
    code.i32(0);
    code.op(w.END);
    this.restore(site);
  }

  /** From the hash on the stack to the first entry of its chain, in a local. */
  private chain(code: w.Code, layout: Extract<MapLayout, { kind: 'hash' }>, entry: number): void {
    code.i32(layout.mask);
    code.op(w.I32_AND);
    code.i32(2);
    code.op(w.I32_SHL);
    code.access(w.I32_LOAD, layout.heads);
    code.op1(w.LOCAL_SET, entry);
  }

  /** From an entry to the address of its value. */
  private found(code: w.Code, layout: Extract<MapLayout, { kind: 'hash' }>, entry: number): void {
    if (layout.touched !== 0) {
      code.op1(w.LOCAL_GET, entry);
      code.i32(1);
      code.access(w.I32_STORE, layout.touched);
    }
    code.op1(w.LOCAL_GET, entry);
    code.i32(layout.valueOffset);
    code.op(w.I32_ADD);
    this.ofCpu(code, layout.cpuStride);
  }

  private element(site: HelperSite, layout: Extract<MapLayout, { kind: 'array' }>): void {
    const { code } = site;
    site.load32(2, 0);
    code.op1(w.LOCAL_TEE, site.temporary);
    code.i32(layout.entries);
    code.op(w.I32_LT_U);
    code.op(w.IF);
    code.op(w.I32);
    code.op1(w.LOCAL_GET, site.temporary);
    this.elementAddress(code, layout);
    code.op(w.ELSE);
    code.i32(0);
    code.op(w.END);
  }

  /** From an index to the address of its value. */
  private elementAddress(code: w.Code, layout: Extract<MapLayout, { kind: 'array' }>): void {
    code.i32(layout.stride);
    code.op(w.I32_MUL);
    code.i32(layout.values);
    code.op(w.I32_ADD);
    this.ofCpu(code, layout.cpuStride);
  }

  private ofCpu(code: w.Code, stride: number): void {
    if (stride === 0) return;
    code.op1(w.GLOBAL_GET, this.into.cpu);
    code.i32(stride);
    code.op(w.I32_MUL);
    code.op(w.I32_ADD);
  }

  /** `(key) → address of the value or 0`. */
  private find(layout: Extract<MapLayout, { kind: 'hash' }>): number {
    const known = this.finds.get(layout);
    if (known !== undefined) return known;
    const { module } = this.into;
    const index = module.declare({ params: [w.I32], results: [w.I32] });
    this.finds.set(layout, index);
    const code = new w.Code();
    const [key, hash, entry, temporary] = [0, 1, 2, 3];
    emitHash(code, layout.keySize, operand(code, key, 0), hash);
    this.chain(code, layout, entry);
    this.walk(code, layout, key, layout.keySize > SMALL_KEY ? hash : undefined, entry, temporary);
    module.define(index, [w.I32, w.I32, w.I32], code);
    return index;
  }

  /** The end of a function that looks for a key in a chain; long keys are compared when the hashes are the same. */
  private walk(
    code: w.Code,
    layout: Extract<MapLayout, { kind: 'hash' }>,
    key: number,
    hash: number | undefined,
    entry: number,
    temporary: number,
  ): void {
    code.op(w.LOOP);
    code.op(w.VOID);
    code.op1(w.LOCAL_GET, entry);
    code.op(w.I32_EQZ);
    code.op(w.IF);
    code.op(w.VOID);
    code.i32(0);
    code.op(w.RETURN);
    code.op(w.END);
    if (hash !== undefined) {
      code.op1(w.LOCAL_GET, entry);
      code.access(w.I32_LOAD, 4);
      code.op1(w.LOCAL_GET, hash);
      code.op(w.I32_EQ);
      code.op(w.IF);
      code.op(w.VOID);
    }
    emitSame(code, layout.keySize, operand(code, key, 0), operand(code, entry, layout.keyOffset));
    code.op(w.IF);
    code.op(w.VOID);
    this.found(code, layout, entry);
    code.op(w.RETURN);
    code.op(w.END);
    if (hash !== undefined) code.op(w.END);
    code.op1(w.LOCAL_GET, entry);
    code.access(w.I32_LOAD, 0);
    code.op1(w.LOCAL_SET, entry);
    this.again(code, temporary);
    code.op(w.END);
    code.i32(0);
    code.op(w.END);
  }

  /** The next turn of a loop over entries, unless the budget is used up. */
  private again(code: w.Code, temporary: number): void {
    if (this.into.trust !== 'unverified') {
      code.op1(w.BR, 0);
      return;
    }
    code.op1(w.GLOBAL_GET, this.into.fuel);
    code.i32(1);
    code.op(w.I32_SUB);
    code.op1(w.LOCAL_TEE, temporary);
    code.op1(w.GLOBAL_SET, this.into.fuel);
    code.op1(w.LOCAL_GET, temporary);
    code.i32(0);
    code.op(w.I32_GE_S);
    code.op1(w.BR_IF, 0);
  }

  /** `(key) → address of the value or 0`, for prefixes of whole words. */
  private longestPrefix(layout: Extract<MapLayout, { kind: 'trie' }>): number {
    const known = this.finds.get(layout);
    if (known !== undefined) return known;
    const { module } = this.into;
    const index = module.declare({ params: [w.I32], results: [w.I32] });
    this.finds.set(layout, index);
    const { code, locals } = longestPrefix(layout, (into, temporary) => this.again(into, temporary));
    module.define(index, locals, code);
    return index;
  }

  /** `(key, value) → 1 when an entry was overwritten`. */
  private overwrite(layout: Exclude<MapLayout, { kind: 'trie' }>): number {
    const known = this.updates.get(layout);
    if (known !== undefined) return known;
    const { module } = this.into;
    const find = layout.kind === 'hash' ? this.find(layout) : undefined;
    const index = module.declare({ params: [w.I32, w.I32], results: [w.I32] });
    this.updates.set(layout, index);
    const code = new w.Code();
    const [key, value, to, first] = [0, 1, 2, 3];
    code.op1(w.LOCAL_GET, key);
    if (layout.kind === 'hash') code.op1(w.CALL, find!);
    else {
      code.access(w.I32_LOAD, 0);
      code.op1(w.LOCAL_TEE, to);
      code.i32(layout.entries);
      code.op(w.I32_GE_U);
      code.op(w.IF);
      code.op(w.VOID);
      code.i32(0);
      code.op(w.RETURN);
      code.op(w.END);
      code.op1(w.LOCAL_GET, to);
      this.elementAddress(code, layout);
    }
    code.op1(w.LOCAL_TEE, to);
    code.op(w.I32_EQZ);
    code.op(w.IF);
    code.op(w.VOID);
    code.i32(0);
    code.op(w.RETURN);
    code.op(w.END);
    emitCopy(code, layout.valueSize, { from: value, to, offset: 0, first });
    code.i32(1);
    code.op(w.END);
    module.define(index, [w.I32, ...new Array<number>(COPY_WORDS).fill(w.I64)], code);
    return index;
  }
}
