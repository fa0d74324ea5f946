import { WORDS } from '../hooks/batch.ts';
import { HEADROOM, XdpPacket } from '../hooks/xdp.ts';
import type { Machine } from '../machine.ts';
import type { Subprogram, Trust } from './shared.ts';
import * as w from './wasm.ts';

/**
 * What JavaScript calls: `run(context, frame, fuel, cpu)`, `repeat(context, frame, fuel, cpu, times)`, and for the
 * program and each callback `call<slot>(frame)` with registers in the cells.
 */
export function entries(
  module: w.ModuleBuilder,
  machine: Machine,
  declared: ReadonlyMap<number, Subprogram>,
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
export function batchEntry(
  module: w.ModuleBuilder,
  main: Subprogram,
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
