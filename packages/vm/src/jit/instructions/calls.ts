import { helperId } from '@skep/abi';
import { FRAME_SIZE } from '../../memory.ts';
import type { FunctionCode } from '../function-code.ts';
import { isLocalCall, LOOP } from '../graph.ts';
import { argumentCount } from '../liveness.ts';
import { STOP } from '../shared.ts';
import * as w from '../wasm.ts';
import { flush, load32, reload, shown } from './stack-locals.ts';

export function call(f: FunctionCode, slot: number, op: number, source: number, imm: number): void {
  const { code, shared } = f;
  if (op !== 0x85) {
    f.illegal(slot);
    return;
  }
  f.mark(slot);
  if (isLocalCall(shared.code, slot)) {
    const callee = shared.functions.get(slot + 1 + imm)!;
    if (shared.deep && shared.trust === 'unverified') f.checkDepth(slot, f.graph.depth[f.context]!);
    f.saveFuel();
    const seen = shown(f, [1, 2, 3, 4, 5], undefined, true);
    flush(f, seen);
    for (const register of callee.params) f.get(register);
    code.op1(w.LOCAL_GET, f.frame);
    code.i32((f.graph.depth[f.context]! + 1) * FRAME_SIZE);
    code.op(w.I32_ADD);
    code.op1(w.CALL, callee.index);
    f.set(0);
    reload(f, seen);
    f.loadFuel();
    return;
  }
  if (source !== 0) {
    f.stop(STOP.call, slot);
    return;
  }
  const { context } = f;
  const { known } = f;
  const taken = [1, 2, 3, 4, 5].slice(0, argumentCount(imm));
  const calls = CALLS_BACK.has(imm) || imm >= shared.kernelFunctions;
  shared.helper({
    code,
    slot,
    id: imm,
    get: (register) => f.get(register),
    get32: (register) => f.get32(register),
    give: () => f.set(0),
    give32: () => f.set32(0),
    known: (register) => (register === 10 ? f.knownOf(10) : known[register]),
    frame: f.frame,
    depth: f.graph.depth[context]! + 1,
    checkDepth: () => {
      if (shared.deep && shared.trust === 'unverified') f.checkDepth(slot, f.graph.depth[context]!);
    },
    temporary: f.t32,
    temporary2: f.second(),
    word: (i) => f.word(i),
    load32: (register, at) => load32(f, register, at),
    flush: (sizes) => flush(f, shown(f, taken, sizes, calls)),
    reload: () => reload(f, shown(f, taken, undefined, calls)),
    save: f.saveFuel,
    restore: f.loadFuel,
  });
  f.known[0] = undefined;
  f.checked[0] = undefined;
}

/** They run functions of the program. */
const CALLS_BACK: ReadonlySet<number> = new Set([
  LOOP,
  ...['bpf_for_each_map_elem', 'bpf_find_vma', 'bpf_user_ringbuf_drain'].map(helperId),
]);
