import { EINVAL } from '../errno.ts';
import { Fault } from '../fault.ts';
import { give, giveUnsigned, type Helper } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';

/**
 * Lists and trees of programs (`bpf_list_head`, `bpf_rb_root`): which nodes they hold, in order. A tree is its nodes in
 * the order of the program's `less`; how the kernel would have balanced it no program can see.
 */
export class Graphs {
  private readonly machine: Machine;
  private readonly members = new Map<number, number[]>();
  private readonly owners = new Map<number, number>();

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** The nodes of a list or tree; empty for what never held any. */
  of(root: number): readonly number[] {
    return this.members.get(root) ?? [];
  }

  ownerOf(node: number): number | undefined {
    return this.owners.get(node);
  }

  insert(root: number, node: number, index: number): void {
    const list = this.members.get(root);
    this.machine.memory.work += 8 * (list?.length ?? 0);
    if (list) list.splice(index, 0, node);
    else this.members.set(root, [node]);
    this.owners.set(node, root);
  }

  remove(root: number, index: number): number {
    const list = this.members.get(root)!;
    this.machine.memory.work += 8 * list.length;
    const [node] = list.splice(index, 1);
    if (list.length === 0) this.members.delete(root);
    this.owners.delete(node!);
    return node!;
  }

  /** Drops every node: what held them is gone. */
  clear(root: number): void {
    const list = this.members.get(root);
    if (list === undefined) return;
    this.members.delete(root);
    for (const node of list) {
      this.owners.delete(node);
      const holder = this.machine.heap.holderOf(node);
      if (holder !== undefined) this.machine.heap.drop(holder);
    }
  }
}

/** Kernel functions over lists and trees (kernel/bpf/helpers.c); the verifier's hidden arguments are not needed. */
export const graphKfuncs: Record<string, Helper> = {
  // (head, node, meta, offset)
  bpf_list_push_front_impl: (machine, r) => push(machine, r, true),
  bpf_list_push_back_impl: (machine, r) => push(machine, r, false),
  bpf_list_pop_front: (machine, r) => pop(machine, r, true),
  bpf_list_pop_back: (machine, r) => pop(machine, r, false),
  bpf_list_front: (machine, r) => giveUnsigned(r, machine.graphs.of(rootAt(machine, r))[0] ?? 0),
  bpf_list_back: (machine, r) => giveUnsigned(r, machine.graphs.of(rootAt(machine, r)).at(-1) ?? 0),
  // (root, node, less, meta, offset)
  bpf_rbtree_add_impl: (machine, r) => {
    const { graphs } = machine;
    const root = rootAt(machine, r);
    const node = nodeAt(machine, r);
    const [slot, kind] = [r[6]!, r[7]!];
    if (refuse(machine, r, node)) return;
    // Behind all that are not greater, as a walk down the tree ends; `less` cannot change the tree meanwhile.
    const nodes = graphs.of(root);
    let from = 0;
    let to = nodes.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const less = machine.callback(slot, kind, [node, 0, nodes[middle]!, 0]);
      if ((less & 0xff) !== 0) to = middle;
      else from = middle + 1;
    }
    graphs.insert(root, node, Math.min(from, graphs.of(root).length));
    give(r, 0);
  },
  bpf_rbtree_remove: (machine, r) => {
    const { graphs } = machine;
    const root = rootAt(machine, r);
    const node = nodeAt(machine, r);
    if (graphs.ownerOf(node) !== root) giveUnsigned(r, 0);
    else giveUnsigned(r, graphs.remove(root, graphs.of(root).indexOf(node)));
  },
  bpf_rbtree_first: (machine, r) => giveUnsigned(r, machine.graphs.of(rootAt(machine, r))[0] ?? 0),

  // (type, meta); (object, meta)
  bpf_obj_new_impl: (machine, r) => giveUnsigned(r, machine.heap.create(r[2]!, false)),
  bpf_percpu_obj_new_impl: (machine, r) => giveUnsigned(r, machine.heap.create(r[2]!, true)),
  bpf_obj_drop_impl: drop,
  bpf_percpu_obj_drop_impl: drop,
  bpf_refcount_acquire_impl: (machine, r) => giveUnsigned(r, r[3] === 0 && machine.heap.acquire(r[2]!) ? r[2]! : 0),
};

function rootAt(machine: Machine, r: Int32Array): number {
  return machine.memory.check(r[2]!, r[3]!, 16, 'a list or tree');
}

function nodeAt(machine: Machine, r: Int32Array): number {
  const node = machine.memory.check(r[4]!, r[5]!, 24, 'a node');
  if (machine.heap.holderOf(node) === undefined)
    throw new Fault('memory', 'it passes what is no node of an object that it made');
  return node;
}

/** A node that is in a list or tree already is dropped, as the program gave its reference away. */
function refuse(machine: Machine, r: Int32Array, node: number): boolean {
  if (machine.graphs.ownerOf(node) === undefined) return false;
  machine.heap.drop(machine.heap.holderOf(node)!);
  give(r, EINVAL);
  return true;
}

function push(machine: Machine, r: Int32Array, front: boolean): void {
  const root = rootAt(machine, r);
  const node = nodeAt(machine, r);
  if (refuse(machine, r, node)) return;
  machine.graphs.insert(root, node, front ? 0 : machine.graphs.of(root).length);
  give(r, 0);
}

function pop(machine: Machine, r: Int32Array, front: boolean): void {
  const root = rootAt(machine, r);
  const { length } = machine.graphs.of(root);
  giveUnsigned(r, length === 0 ? 0 : machine.graphs.remove(root, front ? 0 : length - 1));
}

function drop(machine: Machine, r: Int32Array): void {
  if (r[3] !== 0) throw new Fault('memory', 'it drops what it did not make');
  machine.heap.drop(r[2]!);
}
