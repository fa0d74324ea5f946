import { BPF_F_RDONLY_PROG, helperId } from '@skep/abi';
import type { Machine } from '../machine.ts';
import type { VmMap } from '../maps/map.ts';
import { FRAME_SIZE } from '../memory.ts';
import { LOOP, TAIL_CALL } from './graph.ts';
import { argumentCount } from './liveness.ts';
import { MapOperations } from './maps.ts';
import { type HelperSite, STOP, type Subprogram, type Trust } from './shared.ts';
import * as w from './wasm.ts';

/** What calls of helpers need of the module that they become part of: functions and globals by their numbers. */
export interface HelperModule {
  readonly machine: Machine;
  readonly module: w.ModuleBuilder;
  readonly trust: Trust;
  /** Functions of the program by their entry slots. */
  readonly declared: ReadonlyMap<number, Subprogram>;
  /** What runs each helper in JavaScript. */
  readonly imports: ReadonlyMap<number, number>;
  readonly fuel: number;
  readonly cpu: number;
  readonly stop: number;
  readonly tail: number;
}

/**
 * What a call of a helper becomes: maps, loops and the number of the processor in place, everything else a call of the
 * helper in JavaScript.
 */
export class HelperCalls {
  private readonly into: HelperModule;
  private readonly maps: MapOperations;

  constructor(into: HelperModule) {
    this.into = into;
    const { module, trust, fuel, cpu } = into;
    this.maps = new MapOperations({ module, trust, fuel, cpu, slow: (site) => this.slow(site) });
  }

  /** Leaves the result where the site wants it. */
  emit(site: HelperSite): void {
    const { maps } = this;
    const { machine, declared, cpu, stop } = this.into;
    const { code, id } = site;
    if (machine.helpers[id] === undefined) {
      code.i32(STOP.call);
      code.i32(site.slot);
      code.op1(w.CALL, stop);
      code.op(w.UNREACHABLE);
      return;
    }
    const map = this.mapOf(site);
    const layout = map?.layout;
    const writes = map !== undefined && (map.spec.flags & BPF_F_RDONLY_PROG) === 0;
    const callback = site.known(2);
    if (id === LOOKUP && layout !== undefined && MapOperations.looksUp(layout)) maps.lookup(site, layout);
    else if (id === UPDATE && layout !== undefined && writes && maps.changes(layout)) maps.insert(site, layout);
    else if (id === DELETE && layout !== undefined && writes && maps.changes(layout)) maps.remove(site, layout);
    else if (id === UPDATE && layout !== undefined && writes && MapOperations.updates(layout))
      maps.update(site, layout);
    else if (id === LOOP && callback?.kind === 'function' && declared.has(callback.value))
      this.loop(site, declared.get(callback.value)!);
    else if (id === GET_CPU) {
      code.op1(w.GLOBAL_GET, cpu);
      site.give32();
    } else {
      this.slow(site);
      site.give();
      if (id === TAIL_CALL) this.tailCall(site);
    }
  }

  private mapOf(site: HelperSite): VmMap | undefined {
    const first = site.known(1);
    return first?.kind === 'number' ? this.into.machine.mapsByAddress.get(first.value) : undefined;
  }

  /** The helper in JavaScript; leaves r0 on the stack. */
  private slow(site: HelperSite): void {
    const { code, id } = site;
    site.save();
    const map = id === LOOKUP || id === UPDATE || id === DELETE ? this.mapOf(site) : undefined;
    site.flush(map && { 2: map.spec.keySize, ...(id === UPDATE && { 3: map.spec.valueSize }) });
    code.i32(site.slot);
    for (let register = 1; register <= argumentCount(id); register++) {
      site.get32(register);
      site.get(register);
      code.i64(32, 0);
      code.op(w.I64_SHR_U);
      code.op(w.I32_WRAP);
    }
    code.op1(w.CALL, this.into.imports.get(id)!);
    if (map === undefined) site.reload();
    site.restore();
    code.i32(0);
    code.access(w.I64_LOAD, this.into.machine.cells);
  }

  /** Another program may go on in this frame; its result is then this function's. */
  private tailCall(site: HelperSite): void {
    const { code } = site;
    site.save();
    code.i32(site.slot);
    code.op1(w.LOCAL_GET, site.frame);
    site.get32(1);
    code.op1(w.CALL, this.into.tail);
    code.op(w.IF);
    code.op(w.VOID);
    code.i32(0);
    code.access(w.I64_LOAD, this.into.machine.cells);
    code.op(w.RETURN);
    code.op(w.END);
    site.restore();
  }

  /** bpf_loop(count, callback, context, flags) with a callback that is known: a loop around a call. */
  private loop(site: HelperSite, callback: Subprogram): void {
    const { code, temporary: turn } = site;
    const count = (): void => site.get32(1);
    site.get(4);
    code.op(w.I64_EQZ);
    count();
    code.i32(MAX_LOOPS);
    code.op(w.I32_LE_U);
    code.op(w.I32_AND);
    code.op(w.IF);
    code.op(w.VOID);
    site.checkDepth();
    site.save();
    site.flush();
    code.i32(0);
    code.op1(w.LOCAL_SET, turn);
    code.op(w.BLOCK);
    code.op(w.VOID);
    code.op(w.LOOP);
    code.op(w.VOID);
    code.op1(w.LOCAL_GET, turn);
    count();
    code.op(w.I32_EQ);
    code.op1(w.BR_IF, 1);
    for (const register of callback.params) {
      if (register === 1) {
        code.op1(w.LOCAL_GET, turn);
        code.op(w.I64_EXTEND_U);
      } else if (register === 2) site.get(3);
      else code.i64(0, 0);
    }
    code.op1(w.LOCAL_GET, site.frame);
    code.i32(site.depth * FRAME_SIZE);
    code.op(w.I32_ADD);
    code.op1(w.CALL, callback.index);
    code.op1(w.LOCAL_GET, turn);
    code.i32(1);
    code.op(w.I32_ADD);
    code.op1(w.LOCAL_SET, turn);
    code.op(w.I32_WRAP);
    code.op(w.I32_EQZ);
    code.op1(w.BR_IF, 0);
    code.op(w.END);
    code.op(w.END);
    site.reload();
    site.restore();
    code.op1(w.LOCAL_GET, turn);
    code.op(w.I64_EXTEND_U);
    site.give();
    code.op(w.ELSE);
    this.slow(site);
    site.give();
    code.op(w.END);
  }
}

/** Whether a helper works on maps and arguments alone, or asks the world: it leaves nothing with the machine. */
export function isStateless(id: number): boolean {
  return STATELESS.has(id);
}

/** Whether no look is needed after a helper between two packets: those on maps, checksums, the room before a packet. */
export function isBatched(id: number): boolean {
  return BATCHED.has(id);
}

const LOOKUP = helperId('bpf_map_lookup_elem');
const UPDATE = helperId('bpf_map_update_elem');
const DELETE = helperId('bpf_map_delete_elem');
const GET_CPU = helperId('bpf_get_smp_processor_id');

/** Those that are both. */
const PLAIN = [
  LOOKUP,
  UPDATE,
  DELETE,
  LOOP,
  GET_CPU,
  ...[
    'bpf_get_prandom_u32',
    'bpf_csum_diff',
    'bpf_ringbuf_output',
    'bpf_ringbuf_reserve',
    'bpf_ringbuf_submit',
    'bpf_ringbuf_discard',
    'bpf_ringbuf_query',
    'bpf_map_lookup_percpu_elem',
  ].map(helperId),
];

const STATELESS: ReadonlySet<number> = new Set([
  ...PLAIN,
  ...['bpf_ktime_get_ns', 'bpf_ktime_get_boot_ns', 'bpf_ktime_get_coarse_ns', 'bpf_strncmp'].map(helperId),
]);

const BATCHED: ReadonlySet<number> = new Set([
  ...PLAIN,
  ...[
    'bpf_redirect',
    'bpf_redirect_map',
    'bpf_xdp_adjust_head',
    'bpf_xdp_adjust_meta',
    'bpf_map_push_elem',
    'bpf_map_pop_elem',
    'bpf_map_peek_elem',
  ].map(helperId),
]);

/** BPF_MAX_LOOPS (include/linux/bpf.h). */
const MAX_LOOPS = 8 << 20;
