import type { Machine } from '../machine.ts';
import type { SavedMemory } from '../memory.ts';

/**
 * Everything of a machine that a run may change, to go back to: its memory, and the fields of maps, timers, the packet
 * and the world. Objects keep their identity, so that whoever holds a map sees its old contents again.
 *
 * It walks the machine's objects, whatever their classes are. Their state must therefore lie in fields (not in closures
 * or `#private` names), and what never changes after loading is left out by the name of its field.
 */
export class Checkpoint {
  private readonly machine: Machine;
  private readonly memory: SavedMemory;
  private readonly undo: (() => void)[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
    this.memory = machine.memory.save();
    const seen = new Set<object>([machine.memory]);
    const left: object[] = [machine];
    const visit = (value: unknown) => {
      if (typeof value !== 'object' || value === null || seen.has(value)) return;
      seen.add(value);
      left.push(value);
    };
    for (let object = left.pop(); object !== undefined; object = left.pop()) {
      const undo = this.keep(object, visit);
      if (undo) this.undo.push(undo);
    }
  }

  restore(): void {
    this.machine.memory.restore(this.memory);
    for (const undo of this.undo) undo();
  }

  /** How to make an object what it is now; its parts are visited. Objects of the platform are nobody's state. */
  private keep(object: object, visit: (value: unknown) => void): (() => void) | undefined {
    if (Array.isArray(object)) {
      const copy = object.slice();
      for (const one of copy) visit(one);
      return () => void object.splice(0, object.length, ...copy);
    }
    if (object instanceof Map) {
      const copy = [...object];
      for (const [key, value] of copy) {
        visit(key);
        visit(value);
      }
      return () => {
        object.clear();
        for (const [key, value] of copy) object.set(key, value);
      };
    }
    if (object instanceof Set) {
      const copy = [...object];
      for (const one of copy) visit(one);
      return () => {
        object.clear();
        for (const one of copy) object.add(one);
      };
    }
    if (ArrayBuffer.isView(object)) return this.keepBytes(object);
    if (isOfThePlatform(object)) return undefined;
    const entries = Object.entries(object).filter(([name]) => !CONSTANT.has(name));
    for (const [, value] of entries) visit(value);
    const fields = object as { [name: string]: unknown };
    return () => {
      for (const [name, value] of entries) if (fields[name] !== value) fields[name] = value;
    };
  }

  private keepBytes(object: ArrayBufferView): (() => void) | undefined {
    // Windows on the machine's memory are kept with it.
    if (object.buffer === this.machine.memory.bytes.buffer) return undefined;
    const now = new Uint8Array(object.buffer, object.byteOffset, object.byteLength);
    const copy = now.slice();
    return () => now.set(copy);
  }
}

/** Fields that stay as they are from loading on, and those of who watches. */
const CONSTANT = new Set(['spec', 'code', 'compiled', 'helpers', 'observer', 'run', 'types']);

function isOfThePlatform(object: object): boolean {
  const tag = Object.prototype.toString.call(object);
  return tag !== '[object Object]';
}
