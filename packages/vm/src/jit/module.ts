import { FIRST_KFUNC } from '../kfuncs/index.ts';
import type { Machine } from '../machine.ts';
import { MAX_FRAMES } from '../memory.ts';
import type { VmProgram } from '../program.ts';
import { batchEntry, entries } from './entries.ts';
import { buildFunctions, opcode, width } from './graph.ts';
import { HelperCalls, isBatched } from './helper-calls.ts';
import { argumentCount, parameters } from './liveness.ts';
import { MapOperations } from './maps.ts';
import type { Shared, Subprogram, Trust } from './shared.ts';
import { type Translated, translate } from './translate.ts';
import { unroll } from './unroll.ts';
import { vectorise } from './vector.ts';
import * as w from './wasm.ts';

/** A program's code as a WebAssembly module; undefined where {@link compileProgram} gives undefined. */
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

  const declared = new Map<number, Subprogram>();
  const helpers = new HelperCalls({ machine, module, trust, declared, imports: helperImports, fuel, cpu, stop, tail });
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
    helper: (site) => helpers.emit(site),
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
  if (packets && [...helperImports.keys()].every(isBatched)) batchEntry(module, declared.get(0)!, { fuel, cpu }, trust);
  const bytes = module.toBytes();
  const sources = new Map(
    [...translated].map(([index, { marks }]) => [index, { start: module.startOf(index), marks }]),
  );
  return { bytes, helpers: [...helperImports.keys()], callbacks: functions.callbacks, sources };
}

/** A module, and what is needed to run it and to say where it stopped. */
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
