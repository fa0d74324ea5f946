import { Fault } from '../fault.ts';
import { illegal, interpret, located, noSwap, outOfFuel, outside, packetLoad, tooDeep, wild } from '../interpreter.ts';
import type { Machine } from '../machine.ts';
import { MAX_NESTING, NULL_END } from '../memory.ts';
import { opcode } from './graph.ts';
import { argumentCount } from './liveness.ts';
import { STOP } from './shared.ts';

/** What compiled code asks of its machine; `helpers` are those that the module imports, by number. */
export function hostImports(
  machine: Machine,
  code: Int32Array,
  helpers: readonly number[],
): Record<string, WebAssembly.ImportValue> {
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
  for (const id of helpers) host[`helper${id}`] = helperImport(machine, id);
  return host;
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
