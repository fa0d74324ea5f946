import type { Btf } from '@skep/object';
import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import { roundUp8, type SpecialField } from '../maps/map.ts';
import { specialFields } from '../maps/special-fields.ts';

/**
 * Objects that programs make by `bpf_obj_new` and `bpf_percpu_obj_new`, with their counts of references. What is known
 * of them lies outside of the program's reach, so that a hostile one can spoil only their bytes.
 */
export class Heap {
  private readonly machine: Machine;
  private readonly objects = new Map<number, HeapObject>();
  /** Nodes of lists and trees inside objects: their address to that of the object. */
  private readonly nodes = new Map<number, number>();
  private readonly blocks = new Map<number, number>();

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** A zeroed object of a type of the running program; 0 when there is no such type. */
  create(type: number, perCpu: boolean): number {
    const types = this.machine.running?.types;
    const known = types === undefined ? undefined : shapeOf(types, type);
    if (known === undefined)
      throw new Fault('memory', `it makes an object of type ${type}, which its object does not have`);
    const stride = roundUp8(known.size);
    const size = perCpu ? stride * this.machine.cpus : stride;
    const at = this.machine.memory.allocate(size);
    this.objects.set(at, { size, stride: perCpu ? stride : 0, special: known.special, references: 1 });
    for (const field of known.special) if (isNode(field)) this.nodes.set(at + field.offset, at);
    return at;
  }

  acquire(at: number): boolean {
    const object = this.objects.get(at);
    if (object === undefined) return false;
    object.references += 1;
    return true;
  }

  /** Gives up one reference; the last one frees the object and what only it held. Faults for what is no object. */
  drop(at: number): void {
    const object = this.objects.get(at);
    if (object === undefined) throw new Fault('memory', 'it drops what it did not make');
    object.references -= 1;
    if (object.references > 0) return;
    this.objects.delete(at);
    this.release(at, object.special);
    for (const field of object.special) if (isNode(field)) this.nodes.delete(at + field.offset);
    this.machine.memory.release(at, object.size);
  }

  /** Bytes for the machine's own use on behalf of a program, which only has their address. */
  allocate(size: number): number {
    const at = this.machine.memory.allocate(size);
    this.blocks.set(at, size);
    return at;
  }

  /** Gives them back; other addresses are nobody's. */
  free(at: number): void {
    const size = this.blocks.get(at);
    if (size === undefined) return;
    this.blocks.delete(at);
    this.machine.memory.release(at, size);
  }

  /** Where a CPU's copy of a per-CPU object lies; undefined when it is none. */
  ofCpu(at: number, cpu: number): number | undefined {
    const object = this.objects.get(at);
    return object === undefined || object.stride === 0 ? undefined : at + cpu * object.stride;
  }

  /** The object that a node of a list or tree lies in. */
  holderOf(node: number): number | undefined {
    return this.nodes.get(node);
  }

  /** What fields of an object or map value held: nodes of its lists and trees, objects that it points to. */
  release(at: number, special: readonly SpecialField[]): void {
    const { graphs, memory } = this.machine;
    for (const { kind, offset } of special) {
      if (kind === 'bpf_list_head' || kind === 'bpf_rb_root') graphs.clear(at + offset);
      else if (kind === 'kptr') {
        const held = memory.view.getUint32(at + offset, true);
        if (this.objects.has(held)) this.drop(held);
      }
    }
  }
}

interface HeapObject {
  readonly size: number;
  /** Bytes of one CPU's copy; 0 when there is only one. */
  readonly stride: number;
  readonly special: readonly SpecialField[];
  references: number;
}

interface Shape {
  readonly size: number;
  readonly special: readonly SpecialField[];
}

const shapes = new WeakMap<Btf, Map<number, Shape | undefined>>();

function shapeOf(types: Btf, type: number): Shape | undefined {
  let known = shapes.get(types);
  if (known === undefined) {
    known = new Map();
    shapes.set(types, known);
  }
  if (!known.has(type)) known.set(type, measure(types, type));
  return known.get(type);
}

function measure(types: Btf, type: number): Shape | undefined {
  try {
    const size = types.sizeOf(type);
    return size > 0 ? { size, special: specialFields(types, type) } : undefined;
  } catch {
    return undefined;
  }
}

function isNode({ kind }: SpecialField): boolean {
  return kind === 'bpf_list_node' || kind === 'bpf_rb_node';
}
