import { Fault } from '../fault.ts';
import type { Translation } from './module.ts';

/** What a trap of compiled code means: the only ones there are come from memory's end and a full stack. */
export function faultOf(error: unknown, { sources }: Translation): unknown {
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
