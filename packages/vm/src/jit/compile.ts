import { Fault } from '../fault.ts';
import { WORDS } from '../hooks/batch.ts';
import { HEADROOM, XdpPacket } from '../hooks/xdp.ts';
import { illegal, interpret, located, noSwap, outOfFuel, outside, packetLoad, tooDeep, wild } from '../interpreter.ts';
import { FIRST_KFUNC } from '../kfuncs/index.ts';
import type { Machine } from '../machine.ts';
import { BPF_F_RDONLY_PROG, type VmMap } from '../maps/map.ts';
import { FRAME_SIZE, MAX_FRAMES, MAX_NESTING, NULL_END, STACKS } from '../memory.ts';
import type { VmProgram } from '../program.ts';
import { buildFunctions, LOOP, opcode, TAIL_CALL, width } from './graph.ts';
import { argumentCount, parameters } from './liveness.ts';
import { MapOperations } from './maps.ts';
import { type HelperSite, type Shared, STOP, type Trust } from './shared.ts';
import { type Translated, translate } from './translate.ts';
import { unroll } from './unroll.ts';
import { vectorise } from './vector.ts';
import * as w from './wasm.ts';

/** A program as WebAssembly over the memory of its machine. */
export interface Compiled {
  /** Runs on a context; gives the low half of r0. Throws {@link Fault}. */
  run(context: number): number;
  /**
   * The same so many times, with a budget for each; gives the last result. Undefined for programs whose helpers leave
   * something with the machine, which has to look after every run.
   */
  readonly repeat: ((context: number, times: number) => number) | undefined;
  /** The same for every packet of a table ({@link PacketBatch}), with the context of one. */
  readonly batch: ((table: number, count: number, context: number) => void) | undefined;
  /** Runs the program (slot 0) or a callback on r1 … r5 and leaves r0: halves as in the interpreter. */
  call(slot: number, registers: Int32Array): void;
  /** Goes on in a frame of another program, with what is left of its budget; r1 and the result are in the cells. */
  enter(frame: number): void;
}

/**
 * Compiles a loaded program; undefined when it is one that only the interpreter takes: it writes r10, is larger than a
 * WebAssembly function may be, or its functions jump into one another at length.
 */
export function compileProgram(
  machine: Machine,
  program: VmProgram,
  trust: Trust = 'unverified',
): Compiled | undefined {
  const translation = translateProgram(machine, program, trust);
  if (translation === undefined) return undefined;
  return instantiate(machine, program.code, translation, new WebAssembly.Module(translation.bytes));
}

/** The same without blocking: browsers refuse to compile more than 4 KiB at once on a page's main thread. */
export async function compileProgramAsync(
  machine: Machine,
  program: VmProgram,
  trust: Trust = 'unverified',
): Promise<Compiled | undefined> {
  const translation = translateProgram(machine, program, trust);
  if (translation === undefined) return undefined;
  return instantiate(machine, program.code, translation, await WebAssembly.compile(translation.bytes));
}

export interface Translation {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Helpers that the module imports. */
  readonly helpers: readonly number[];
  readonly callbacks: readonly number[];
  /** By number of the WebAssembly function: where its code starts, and its marks (see {@link Translated}). */
  readonly sources: ReadonlyMap<number, { readonly start: number; readonly marks: readonly number[] }>;
}

/** V8 takes functions of at most 7,654,321 bytes. */
const LARGEST_FUNCTION = 7_000_000;

export function translateProgram(machine: Machine, program: VmProgram, trust: Trust): Translation | undefined {
  const { code } = program;
  const functions = buildFunctions(code);
  if (functions === undefined) return undefined;
  const module = new w.ModuleBuilder();
  const halves = (count: number): number[] => new Array<number>(count).fill(w.I32);
  const stop = module.import('stop', { params: halves(2), results: [] });
  const outsideImport = module.import('outside', { params: halves(5), results: [w.I32] });
  const wildImport = module.import('wild', { params: halves(4), results: [] });
  const helperImports = new Map<number, number>();
  for (const id of helpersOf(machine, code)) {
    helperImports.set(id, module.import(`helper${id}`, { params: halves(1 + 2 * argumentCount(id)), results: [] }));
  }
  const packetLoad = module.import('packetLoad', { params: halves(5), results: [w.I32] });
  const castKern = module.import('castKern', { params: halves(1), results: [w.I32] });
  const tail = module.import('tail', { params: halves(3), results: [w.I32] });
  const fuel = module.global('fuel');
  const cpu = module.global('cpu');
  const turns = module.global('turns');
  const outside64 = module.declare({ params: [w.I64, w.I32, w.I32, w.I32], results: [w.I32] });
  const wild64 = module.declare({ params: [w.I64, w.I32, w.I32], results: [] });
  splitting(module, outside64, outsideImport, 3);
  splitting(module, wild64, wildImport, 2);

  const mapOf = (site: HelperSite): VmMap | undefined => {
    const first = site.known(1);
    return first?.kind === 'number' ? machine.mapsByAddress.get(first.value) : undefined;
  };
  const slow = (site: HelperSite): void => {
    const { code: out, id } = site;
    site.save();
    const map = id === LOOKUP || id === UPDATE || id === DELETE ? mapOf(site) : undefined;
    site.flush(map && { 2: map.spec.keySize, ...(id === UPDATE && { 3: map.spec.valueSize }) });
    out.i32(site.slot);
    for (let register = 1; register <= argumentCount(id); register++) {
      site.get32(register);
      site.get(register);
      out.i64(32, 0);
      out.op(w.I64_SHR_U);
      out.op(w.I32_WRAP);
    }
    out.op1(w.CALL, helperImports.get(id)!);
    if (map === undefined) site.reload();
    site.restore();
    out.i32(0);
    out.access(w.I64_LOAD, machine.cells);
  };
  const declared = new Map<number, { readonly index: number; readonly params: readonly number[] }>();
  const maps = new MapOperations({ module, trust, fuel, cpu, slow });
  const helper = (site: HelperSite): void => {
    const { code: out, id } = site;
    if (machine.helpers[id] === undefined) {
      out.i32(STOP.call);
      out.i32(site.slot);
      out.op1(w.CALL, stop);
      out.op(w.UNREACHABLE);
      return;
    }
    const map = mapOf(site);
    const layout = map?.layout;
    const writes = map !== undefined && (map.spec.flags & BPF_F_RDONLY_PROG) === 0;
    const callback = site.known(2);
    if (id === LOOKUP && layout !== undefined && MapOperations.looksUp(layout)) maps.lookup(site, layout);
    else if (id === UPDATE && layout !== undefined && writes && maps.changes(layout)) maps.insert(site, layout);
    else if (id === DELETE && layout !== undefined && writes && maps.changes(layout)) maps.remove(site, layout);
    else if (id === UPDATE && layout !== undefined && writes && MapOperations.updates(layout))
      maps.update(site, layout);
    else if (id === LOOP && callback?.kind === 'function' && declared.has(callback.value))
      loop(site, declared.get(callback.value)!, slow);
    else if (id === GET_CPU) {
      out.op1(w.GLOBAL_GET, cpu);
      site.give32();
    } else {
      slow(site);
      site.give();
      if (id === TAIL_CALL) {
        // Another program may go on in this frame; its result is then this function's.
        site.save();
        out.i32(site.slot);
        out.op1(w.LOCAL_GET, site.frame);
        site.get32(1);
        out.op1(w.CALL, tail);
        out.op(w.IF);
        out.op(w.VOID);
        out.i32(0);
        out.access(w.I64_LOAD, machine.cells);
        out.op(w.RETURN);
        out.op(w.END);
        site.restore();
      }
    }
  };

  for (const graph of functions.graphs) {
    const params = parameters(code, graph);
    const index = module.declare({ params: [...params.map(() => w.I64), w.I32], results: [w.I64] });
    declared.set(graph.entry, { index, params });
  }
  const shared: Shared = {
    code,
    trust,
    functions: declared,
    fuel,
    cpu,
    cells: machine.cells,
    stop,
    outside: outside64,
    wild: wild64,
    packetLoad,
    castKern,
    turns,
    kernelLoads: program.arena || !PACKET_PROGRAMS.has(program.spec.hook?.programType ?? ''),
    deep: functions.depth === undefined || functions.depth > MAX_FRAMES,
    helper,
    keySize: (address) => {
      const layout = machine.mapsByAddress.get(address)?.layout;
      return layout && MapOperations.takesWords(layout) ? layout.keySize : undefined;
    },
    kernelFunctions: FIRST_KFUNC,
  };
  const translated = new Map<number, Translated>();
  for (const graph of functions.graphs) {
    const { index } = declared.get(graph.entry)!;
    if (trust !== 'unverified' && !shared.kernelLoads) vectorise(code, graph);
    const one = translate(shared, unroll(graph));
    if (one.code.length > LARGEST_FUNCTION) return undefined;
    module.define(index, one.locals, one.code);
    translated.set(index, one);
  }
  entries(module, machine, declared, functions.callbacks, fuel, cpu, trust);
  const packets = program.spec.hook?.programType === 'BPF_PROG_TYPE_XDP';
  if (packets && [...helperImports.keys()].every((id) => BATCHED.has(id)))
    batchEntry(module, declared.get(0)!, { fuel, cpu }, trust);
  const bytes = module.toBytes();
  const sources = new Map(
    [...translated].map(([index, { marks }]) => [index, { start: module.startOf(index), marks }]),
  );
  return { bytes, helpers: [...helperImports.keys()], callbacks: functions.callbacks, sources };
}

/** Types of program that see nothing of the kernel's memory but their context, packets and maps. */
const PACKET_PROGRAMS: ReadonlySet<string> = new Set([
  'BPF_PROG_TYPE_SOCKET_FILTER',
  'BPF_PROG_TYPE_SCHED_CLS',
  'BPF_PROG_TYPE_SCHED_ACT',
  'BPF_PROG_TYPE_XDP',
  'BPF_PROG_TYPE_CGROUP_SKB',
  'BPF_PROG_TYPE_LWT_IN',
  'BPF_PROG_TYPE_LWT_OUT',
  'BPF_PROG_TYPE_LWT_XMIT',
  'BPF_PROG_TYPE_SK_SKB',
  'BPF_PROG_TYPE_SK_MSG',
  'BPF_PROG_TYPE_FLOW_DISSECTOR',
]);

/** Helpers that work on maps and arguments alone, or ask the world. */
const STATELESS: ReadonlySet<number> = new Set([
  1, 2, 3, 5, 7, 8, 28, 125, 130, 131, 132, 133, 134, 160, 181, 182, 195,
]);

/** Helpers that need no look between two packets: those on maps, checksums, the room before a packet. */
const BATCHED: ReadonlySet<number> = new Set([
  1, 2, 3, 7, 8, 23, 28, 44, 51, 54, 87, 88, 89, 130, 131, 132, 133, 134, 181, 195,
]);

const LOOKUP = 1;
const UPDATE = 2;
const DELETE = 3;
const GET_CPU = 8;

function helpersOf(machine: Machine, code: Int32Array): Set<number> {
  const found = new Set<number>();
  const slots = code.length >> 1;
  for (let slot = 0; slot < slots; slot += width(code, slot)) {
    if (opcode(code, slot) !== 0x85 || (code[2 * slot]! & 0xf000) !== 0) continue;
    const id = code[2 * slot + 1]!;
    if (machine.helpers[id] !== undefined) found.add(id);
  }
  return found;
}

/** bpf_loop(count, callback, context, flags) with a callback that is known: a loop around a call. */
function loop(
  site: HelperSite,
  callback: { readonly index: number; readonly params: readonly number[] },
  slow: (site: HelperSite) => void,
): void {
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
  slow(site);
  site.give();
  code.op(w.END);
}

/** BPF_MAX_LOOPS (include/linux/bpf.h). */
const MAX_LOOPS = 8 << 20;

/** A function that hands an i64 on to an import as two halves, followed by `rest` i32s. */
function splitting(module: w.ModuleBuilder, index: number, target: number, rest: number): void {
  const code = new w.Code();
  code.op1(w.LOCAL_GET, 0);
  code.op(w.I32_WRAP);
  code.op1(w.LOCAL_GET, 0);
  code.i64(32, 0);
  code.op(w.I64_SHR_U);
  code.op(w.I32_WRAP);
  for (let i = 1; i <= rest; i++) code.op1(w.LOCAL_GET, i);
  code.op1(w.CALL, target);
  code.op(w.END);
  module.define(index, [], code);
}

/**
 * What JavaScript calls: `run(context, frame, fuel, cpu)`, `repeat(context, frame, fuel, cpu, times)`, and for the
 * program and each callback `call<slot>(frame)` with registers in the cells.
 */
function entries(
  module: w.ModuleBuilder,
  machine: Machine,
  declared: ReadonlyMap<number, { readonly index: number; readonly params: readonly number[] }>,
  callbacks: readonly number[],
  fuel: number,
  cpu: number,
  trust: Trust,
): void {
  const main = declared.get(0)!;
  const callMain = (code: w.Code): void => {
    for (const register of main.params) {
      if (register === 1) {
        code.op1(w.LOCAL_GET, 0);
        code.op(w.I64_EXTEND_U);
      } else code.i64(0, 0);
    }
    code.op1(w.LOCAL_GET, 1);
    code.op1(w.CALL, main.index);
    code.op(w.I32_WRAP);
  };
  const setGlobals = (code: w.Code, fuelLocal: number): void => {
    code.op1(w.LOCAL_GET, fuelLocal);
    code.op1(w.GLOBAL_SET, fuel);
    code.op1(w.LOCAL_GET, fuelLocal + 1);
    code.op1(w.GLOBAL_SET, cpu);
  };
  const run = new w.Code();
  setGlobals(run, 2);
  callMain(run);
  run.op(w.END);
  add(module, 'run', { params: [w.I32, w.I32, w.I32, w.I32], results: [w.I32] }, [], run);

  const repeat = new w.Code();
  setGlobals(repeat, 2);
  // Several calls a turn: what the engine does at every turn of a loop costs as much as a short program.
  for (const calls of [CALLS_A_TURN, 1]) {
    repeat.op(w.BLOCK);
    repeat.op(w.VOID);
    repeat.op(w.LOOP);
    repeat.op(w.VOID);
    repeat.op1(w.LOCAL_GET, 4);
    repeat.i32(calls);
    repeat.op(w.I32_LT_U);
    repeat.op1(w.BR_IF, 1);
    for (let i = 0; i < calls; i++) {
      if (trust !== 'verified') {
        repeat.op1(w.LOCAL_GET, 2);
        repeat.op1(w.GLOBAL_SET, fuel);
      }
      callMain(repeat);
      repeat.op1(w.LOCAL_SET, 5);
    }
    repeat.op1(w.LOCAL_GET, 4);
    repeat.i32(calls);
    repeat.op(w.I32_SUB);
    repeat.op1(w.LOCAL_SET, 4);
    repeat.op1(w.BR, 0);
    repeat.op(w.END);
    repeat.op(w.END);
  }
  repeat.op1(w.LOCAL_GET, 5);
  repeat.op(w.END);
  add(module, 'repeat', { params: [w.I32, w.I32, w.I32, w.I32, w.I32], results: [w.I32] }, [w.I32], repeat);

  for (const slot of new Set([0, ...callbacks])) {
    const { index, params } = declared.get(slot)!;
    const call = new w.Code();
    call.i32(0);
    for (const register of params) {
      call.i32(0);
      call.access(w.I64_LOAD, machine.cells + 8 * register);
    }
    call.op1(w.LOCAL_GET, 0);
    call.op1(w.CALL, index);
    call.access(w.I64_STORE, machine.cells);
    call.op(w.END);
    add(module, `call${slot}`, { params: [w.I32], results: [] }, [], call);
  }
}

const CALLS_A_TURN = 16;

/** `batch(table, count, context, frame, fuel, cpu)`: see {@link PacketBatch}. */
function batchEntry(
  module: w.ModuleBuilder,
  main: { readonly index: number; readonly params: readonly number[] },
  globals: { readonly fuel: number; readonly cpu: number },
  trust: Trust,
): void {
  const [entry, count, context, frame, fuel, cpu, done, data] = [0, 1, 2, 3, 4, 5, 6, 7];
  const code = new w.Code();
  const copy = (from: () => void, to: number, at: number): void => {
    code.op1(w.LOCAL_GET, to);
    from();
    code.access(w.I32_STORE, at);
  };
  const local = (index: number) => () => code.op1(w.LOCAL_GET, index);
  const word = (base: number, at: number) => () => {
    code.op1(w.LOCAL_GET, base);
    code.access(w.I32_LOAD, at);
  };
  code.op1(w.LOCAL_GET, cpu);
  code.op1(w.GLOBAL_SET, globals.cpu);
  code.op1(w.LOCAL_GET, fuel);
  code.op1(w.GLOBAL_SET, globals.fuel);
  code.op(w.BLOCK);
  code.op(w.VOID);
  code.op(w.LOOP);
  code.op(w.VOID);
  copy(local(done), context, XdpPacket.CONTEXT_DONE);
  code.op1(w.LOCAL_GET, done);
  code.op1(w.LOCAL_GET, count);
  code.op(w.I32_EQ);
  code.op1(w.BR_IF, 1);
  if (trust !== 'verified') {
    code.op1(w.LOCAL_GET, fuel);
    code.op1(w.GLOBAL_SET, globals.fuel);
  }
  // data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
  copy(word(entry, 0), context, XdpPacket.CONTEXT_AREA);
  word(entry, 0)();
  code.i32(HEADROOM);
  code.op(w.I32_ADD);
  code.op1(w.LOCAL_SET, data);
  copy(local(data), context, 0);
  copy(
    () => {
      code.op1(w.LOCAL_GET, data);
      word(entry, 4)();
      code.op(w.I32_ADD);
    },
    context,
    4,
  );
  copy(local(data), context, 8);
  copy(() => code.i32(1), context, 12);
  copy(() => code.i32(0), context, 16);
  copy(() => code.i32(0), context, 20);
  code.op1(w.LOCAL_GET, entry);
  for (const register of main.params) {
    if (register === 1) {
      code.op1(w.LOCAL_GET, context);
      code.op(w.I64_EXTEND_U);
    } else code.i64(0, 0);
  }
  code.op1(w.LOCAL_GET, frame);
  code.op1(w.CALL, main.index);
  code.access(w.I64_STORE32, 8);
  copy(word(context, 0), entry, 12);
  copy(word(context, 4), entry, 16);
  code.op1(w.LOCAL_GET, entry);
  code.i32(4 * WORDS);
  code.op(w.I32_ADD);
  code.op1(w.LOCAL_SET, entry);
  code.op1(w.LOCAL_GET, done);
  code.i32(1);
  code.op(w.I32_ADD);
  code.op1(w.LOCAL_SET, done);
  code.op1(w.BR, 0);
  code.op(w.END);
  code.op(w.END);
  code.op(w.END);
  const params = [w.I32, w.I32, w.I32, w.I32, w.I32, w.I32];
  add(module, 'batch', { params, results: [] }, [w.I32, w.I32], code);
}

function add(
  module: w.ModuleBuilder,
  name: string,
  signature: w.Signature,
  locals: readonly number[],
  code: w.Code,
): void {
  const index = module.declare(signature);
  module.define(index, locals, code);
  module.export(name, index);
}

interface Exports {
  run(context: number, frame: number, fuel: number, cpu: number): number;
  repeat(context: number, frame: number, fuel: number, cpu: number, times: number): number;
  readonly batch?: (table: number, count: number, context: number, frame: number, fuel: number, cpu: number) => void;
}

function instantiate(
  machine: Machine,
  code: Int32Array,
  translation: Translation,
  module: WebAssembly.Module,
): Compiled {
  const { memory } = machine;
  const host: Record<string, WebAssembly.ImportValue> = {
    memory: memory.shared,
    fuel: machine.globals.fuel,
    cpu: machine.globals.cpu,
    turns: machine.globals.turns,
    castKern: (low: number) => machine.castKern(low),
    packetLoad: (op: number, offset: number, high: number, low: number, slot: number) => {
      try {
        const at = packetLoad(machine, op, offset, low, high);
        if (at === undefined) return 0;
        memory.view.setInt32(machine.cells, at, true);
        memory.view.setInt32(machine.cells + 4, 0, true);
        return 1;
      } catch (error) {
        throw located(error, slot);
      }
    },
    tail: (slot: number, frame: number, context: number) => {
      try {
        return enterTail(machine, frame, context) ? 1 : 0;
      } catch (error) {
        throw located(error, slot);
      }
    },
    stop: (reason: number, slot: number) => {
      throw located(reasonOf(machine, code, reason, slot), slot);
    },
    outside: (low: number, high: number, off: number, size: number, slot: number) => {
      try {
        const at = (low >>> 0) + off;
        if (high !== 0 || at < NULL_END) return outside(machine, low, high, off, size);
        throw new RangeError('beyond the end of memory');
      } catch (error) {
        throw located(error, slot);
      }
    },
    wild: (low: number, high: number, off: number, slot: number) => {
      const at = (low >>> 0) + off;
      const inside = high === 0 && at >= NULL_END;
      const acquire = (opcode(code, slot) & 0xe7) === 0xc3 && code[2 * slot + 1] === 0x100;
      const what = acquire || (opcode(code, slot) & 7) === 1 ? 'a read' : 'a write';
      throw located(inside ? new RangeError('beyond the end of memory') : wild(what, low, high, off), slot);
    },
  };
  for (const id of translation.helpers) host[`helper${id}`] = helperImport(machine, id);
  const instance = new WebAssembly.Instance(module, { host });
  const exports = instance.exports as unknown as Exports & Record<string, (frame: number) => void>;
  const { run, repeat, batch } = exports;
  const calls = new Map<number, (frame: number) => void>();
  for (const slot of [0, ...translation.callbacks]) calls.set(slot, exports[`call${slot}`]!);
  const fuel = Math.min(machine.budget, 0x7fffffff);
  const frame = (): number => {
    if (machine.nesting >= MAX_NESTING) throw new Fault('stack', 'callbacks are nested too deeply');
    return STACKS + machine.nesting * MAX_FRAMES * FRAME_SIZE;
  };
  const guarded = <T>(body: () => T): T => {
    machine.nesting += 1;
    try {
      return body();
    } catch (error) {
      throw faultOf(error, translation);
    } finally {
      machine.nesting -= 1;
    }
  };
  return {
    run(context) {
      const at = frame();
      machine.nesting += 1;
      try {
        return run(context, at, fuel, machine.world.cpu);
      } catch (error) {
        throw faultOf(error, translation);
      } finally {
        machine.nesting -= 1;
      }
    },
    repeat: translation.helpers.every((id) => STATELESS.has(id))
      ? (context, times) => {
          const at = frame();
          return times < 1 ? 0 : guarded(() => repeat(context, at, fuel, machine.world.cpu, times));
        }
      : undefined,
    batch:
      batch &&
      ((table, count, context) => {
        const at = frame();
        guarded(() => batch(table, count, context, at, fuel, machine.world.cpu));
      }),
    call(slot, registers) {
      const call = calls.get(slot);
      if (call === undefined) throw new Fault('call', 'it passes what is no function as a callback');
      const at = frame();
      memory.bytes.set(new Uint8Array(registers.buffer, registers.byteOffset, 48), machine.cells);
      guarded(() => {
        // A callback goes on with the budget of the run that it is part of.
        if (machine.nesting === 1) {
          machine.globals.fuel.value = fuel;
          machine.globals.cpu.value = machine.world.cpu;
        }
        call(at);
      });
      registers[0] = memory.view.getInt32(machine.cells, true);
      registers[1] = memory.view.getInt32(machine.cells + 4, true);
    },
    enter(at) {
      try {
        calls.get(0)!(at);
      } catch (error) {
        throw faultOf(error, translation);
      }
    },
  };
}

/** Takes the request that bpf_tail_call left with the machine, if it left one. */
function enterTail(machine: Machine, frame: number, context: number): boolean {
  if (machine.tail === undefined) return false;
  const { running, compiled, cells, memory, globals } = machine;
  const program = machine.enterTail();
  memory.bytes.fill(0, cells, cells + 48);
  memory.view.setInt32(cells + 8, context, true);
  if (machine.compile(program)) {
    machine.compiled = program.compiled!;
    program.compiled!.enter(frame);
  } else {
    machine.compiled = undefined;
    const registers = new Int32Array(22);
    registers[2] = context;
    machine.fuel = globals.fuel.value;
    interpret(machine, program.code, 0, registers);
    globals.fuel.value = machine.fuel;
    memory.view.setInt32(cells, registers[0]!, true);
    memory.view.setInt32(cells + 4, registers[1]!, true);
  }
  machine.running = running;
  machine.compiled = compiled;
  return true;
}

function reasonOf(machine: Machine, code: Int32Array, reason: number, slot: number): Fault {
  switch (reason) {
    case STOP.fuel:
      return outOfFuel(machine);
    case STOP.frames:
      return tooDeep();
    case STOP.call:
      return (code[2 * slot]! & 0xf000) === 0
        ? new Fault('call', `there is no helper ${code[2 * slot + 1]}`)
        : new Fault('call', 'it calls a kernel function (kfunc) that was not linked');
    default: {
      const op = opcode(code, slot);
      const swaps = op >> 4 === 0xd && ((op & 7) === 4 || (op & 7) === 7);
      return swaps ? noSwap(code[2 * slot + 1]!) : illegal(op);
    }
  }
}

/**
 * The import that runs a helper: registers come as halves, the result goes through the cell of r0 (a helper may have
 * let memory grow, so that views are taken afresh).
 */
function helperImport(machine: Machine, id: number): (slot: number, ...halves: number[]) => void {
  const helper = machine.helpers[id]!;
  const sets: Int32Array[] = Array.from({ length: MAX_NESTING + 1 }, () => new Int32Array(22));
  const { fuel } = machine.globals;
  const finish = (r: Int32Array): void => {
    const { view } = machine.memory;
    const work = machine.memory.takeWork();
    // Never below what a comparison with 0 tells from plenty.
    if (work > 0) fuel.value = Math.max(fuel.value - work, -0x40000000);
    view.setInt32(machine.cells, r[0]!, true);
    view.setInt32(machine.cells + 4, r[1]!, true);
  };
  const invoke = (slot: number, r: Int32Array): void => {
    try {
      helper(machine, r);
    } catch (error) {
      throw located(error, slot);
    }
    finish(r);
  };
  switch (argumentCount(id)) {
    case 0:
      return (slot) => invoke(slot, sets[machine.nesting]!);
    case 1:
      return (slot, a, b) => {
        const r = sets[machine.nesting]!;
        r[2] = a!;
        r[3] = b!;
        invoke(slot, r);
      };
    case 2:
      return (slot, a, b, c, d) => {
        const r = sets[machine.nesting]!;
        r[2] = a!;
        r[3] = b!;
        r[4] = c!;
        r[5] = d!;
        invoke(slot, r);
      };
    case 3:
      return (slot, a, b, c, d, e, f) => {
        const r = sets[machine.nesting]!;
        r[2] = a!;
        r[3] = b!;
        r[4] = c!;
        r[5] = d!;
        r[6] = e!;
        r[7] = f!;
        invoke(slot, r);
      };
    case 4:
      return (slot, a, b, c, d, e, f, g, h) => {
        const r = sets[machine.nesting]!;
        r[2] = a!;
        r[3] = b!;
        r[4] = c!;
        r[5] = d!;
        r[6] = e!;
        r[7] = f!;
        r[8] = g!;
        r[9] = h!;
        invoke(slot, r);
      };
    default:
      return (slot, a, b, c, d, e, f, g, h, i, j) => {
        const r = sets[machine.nesting]!;
        r[2] = a!;
        r[3] = b!;
        r[4] = c!;
        r[5] = d!;
        r[6] = e!;
        r[7] = f!;
        r[8] = g!;
        r[9] = h!;
        r[10] = i!;
        r[11] = j!;
        invoke(slot, r);
      };
  }
}

/** What a trap of compiled code means: the only ones there are come from memory's end and a full stack. */
function faultOf(error: unknown, { sources }: Translation): unknown {
  if (error instanceof Fault) return error;
  if (error instanceof WebAssembly.RuntimeError) {
    const fault = new Fault('memory', 'an access beyond the end of memory');
    fault.slot = slotOf(error.stack ?? '', sources);
    return fault;
  }
  return error instanceof RangeError ? new Fault('stack', 'its functions are nested too deeply') : error;
}

/** The engine says in the stack trace at which byte of the module it stopped; -1 where it does not. */
function slotOf(stack: string, sources: Translation['sources']): number {
  for (const [, index, offset] of stack.matchAll(/wasm-function\[(\d+)\]:0x([0-9a-f]+)/g)) {
    const source = sources.get(Number(index));
    if (source === undefined) continue;
    const at = Number.parseInt(offset!, 16) - source.start;
    let slot = -1;
    for (let i = 0; i < source.marks.length && source.marks[i]! <= at; i += 2) slot = source.marks[i + 1]!;
    return slot;
  }
  return -1;
}
