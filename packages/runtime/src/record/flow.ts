import { HELPERS } from '@skep/abi';
import type { Btf, CodeReference, Insn, ProgramSpec, Reg } from '@skep/object';

/** What is known of a program's registers before and behind each instruction. */
export interface Flow {
  /** Registers (bits 0 … 9) that are read later before they are written. */
  liveAfter(index: number): number;
  /** Registers that have a value on every way here. */
  readyAt(index: number): number;
  /** A load that reads nothing but the program's own: its frame, its context, values of its maps. */
  readsOwn(index: number): boolean;
  /** Bytes below r10 that the function around an instruction uses. */
  frameOf(index: number): number;
}

/** The places of a program's instructions: by index in the decoded list, by slot in the code. */
export interface Places {
  readonly slots: readonly number[];
  indexOf(slot: number): number;
}

export function placesOf(body: readonly Insn[]): Places {
  const slots: number[] = [];
  const indices = new Map<number, number>();
  let slot = 0;
  for (const [index, insn] of body.entries()) {
    slots.push(slot);
    indices.set(slot, index);
    slot += insn.kind === 'ld_imm64' ? 2 : 1;
  }
  return { slots, indexOf: (at) => indices.get(at) ?? -1 };
}

/** Where instruction `index` jumps to, by index; undefined when it does not. */
export function targetOf(body: readonly Insn[], places: Places, index: number): number | undefined {
  const insn = body[index]!;
  if (insn.kind !== 'jump' && insn.kind !== 'goto' && insn.kind !== 'may_goto') return undefined;
  return places.indexOf(places.slots[index]! + 1 + insn.off);
}

/** Walks a program of which the verifier will be asked again: what is strange here is refused there. */
export function analyse(program: ProgramSpec, body: readonly Insn[], places: Places, types: Btf | undefined): Flow {
  const references = new Map(program.references.map((one) => [one.slot, one]));
  const next = body.map((insn, index) => successors(body, places, index, insn));
  const entries = [...new Set([0, ...program.functions.map((one) => places.indexOf(one.slot))])].filter(
    (one) => one >= 0,
  );
  const functions = entries.map((entry) => reach(entry, next));
  const owner = new Int32Array(body.length);
  functions.forEach((members, i) => {
    for (const index of members) owner[index] = i;
  });

  // What functions take follows from what they read, and that from what those take that they call.
  const taken = new Map<number, number>(entries.map((entry) => [entry, 0]));
  const effects = (index: number): { uses: number; kills: number } => {
    const insn = body[index]!;
    if (insn.kind !== 'call') return effectsOf(insn);
    return { uses: argumentsOf(index), kills: CALLER_SAVED };
  };
  const argumentsOf = (index: number): number => {
    const insn = body[index]!;
    if (insn.kind !== 'call') return 0;
    const slot = places.slots[index]!;
    if (insn.target.kind === 'local') return taken.get(places.indexOf(slot + 1 + insn.target.off)) ?? ARGUMENTS;
    if (insn.target.kind === 'helper') return firstArguments(counts.get(insn.target.id) ?? 5);
    return firstArguments(parameterCount(types, references.get(slot)));
  };
  const live = new Int32Array(body.length);
  for (let changed = true; changed; ) {
    changed = false;
    for (let index = body.length - 1; index >= 0; index--) {
      const { uses, kills } = effects(index);
      let after = 0;
      for (const one of next[index]!) after |= live[one]!;
      const before = uses | (after & ~kills);
      if (before === live[index]) continue;
      live[index] = before;
      changed = true;
      if (taken.has(index)) taken.set(index, before & ARGUMENTS);
    }
  }

  const { ready, kinds, frames } = forwards(body, places, next, entries, owner, taken, references);
  return {
    liveAfter: (index) => next[index]!.reduce((sum, one) => sum | live[one]!, 0),
    readyAt: (index) => ready[index]!,
    readsOwn: (index) => {
      const insn = body[index]!;
      return insn.kind !== 'load' || (kinds[index]?.[insn.src] ?? 'other') !== 'other';
    },
    frameOf: (index) => frames[owner[index]!]!,
  };
}

/** What a register points to, as far as it matters: the frame (by the offset from r10), something of one's own, else other. */
type Kind = number | 'own' | 'other';

function forwards(
  body: readonly Insn[],
  places: Places,
  next: readonly (readonly number[])[],
  entries: readonly number[],
  owner: Int32Array,
  taken: ReadonlyMap<number, number>,
  references: ReadonlyMap<number, CodeReference>,
): { ready: Int32Array; kinds: (Kind[] | undefined)[]; frames: number[] } {
  const ready = new Int32Array(body.length).fill(-1);
  const kinds: (Kind[] | undefined)[] = body.map(() => undefined);
  const frames = entries.map(() => 0);
  const work: number[] = [];
  const flow = (to: number, regs: number, state: readonly Kind[]): void => {
    const before = kinds[to];
    if (before === undefined) {
      ready[to] = regs;
      kinds[to] = [...state];
      work.push(to);
      return;
    }
    let changed = (ready[to]! & regs) !== ready[to];
    ready[to]! &= regs;
    for (let r = 0; r < 10; r++) {
      if (before[r] === state[r] || before[r] === 'other') continue;
      before[r] = 'other';
      changed = true;
    }
    if (changed) work.push(to);
  };
  for (const entry of entries) {
    const state: Kind[] = new Array<Kind>(11).fill('other');
    state[10] = 0;
    if (entry === 0) state[1] = 'own';
    flow(entry, entry === 0 ? 1 << 1 : (taken.get(entry) ?? 0), state);
  }
  for (let index = work.pop(); index !== undefined; index = work.pop()) {
    const insn = body[index]!;
    const state = [...kinds[index]!];
    let regs = ready[index]!;
    const uses = (offset: number): void => {
      frames[owner[index!]!] = Math.max(frames[owner[index!]!]!, -offset);
    };
    const set = (reg: Reg, kind: Kind): void => {
      state[reg] = kind;
      regs |= 1 << reg;
      if (typeof kind === 'number') uses(kind);
    };
    switch (insn.kind) {
      case 'alu': {
        const source = insn.src.kind === 'reg' ? state[insn.src.reg]! : 'other';
        const own = state[insn.dst]!;
        if (insn.op === 'mov') set(insn.dst, insn.width === 64 ? source : 'other');
        else if (typeof own === 'number' && insn.op === 'add' && insn.src.kind === 'imm')
          set(insn.dst, own + insn.src.imm);
        else set(insn.dst, own === 'own' && (insn.op === 'add' || insn.op === 'sub') ? 'own' : 'other');
        break;
      }
      case 'movsx':
      case 'endian':
      case 'addr_space_cast':
        set(insn.dst, 'other');
        break;
      case 'load': {
        const base = state[insn.src]!;
        if (typeof base === 'number') uses(base + insn.off);
        set(insn.dst, 'other');
        break;
      }
      case 'store':
      case 'atomic': {
        const base = state[insn.dst]!;
        if (typeof base === 'number') uses(base + insn.off);
        if (insn.kind === 'atomic' && insn.op === 'load_acq') set(insn.dst, 'other');
        else if (insn.kind === 'atomic' && insn.fetch) set(insn.op === 'cmpxchg' ? 0 : insn.src, 'other');
        break;
      }
      case 'ld_imm64': {
        const kind = references.get(places.slots[index]!)?.kind;
        set(insn.dst, kind === 'map' || kind === 'map-value' ? 'own' : 'other');
        break;
      }
      case 'call': {
        const owned = insn.target.kind === 'helper' && GIVE_OWN.has(insn.target.id);
        regs &= ~ARGUMENTS;
        for (let r = 1; r <= 5; r++) state[r] = 'other';
        set(0, owned ? 'own' : 'other');
        break;
      }
      case 'ld_packet':
        set(0, 'other');
        break;
      default:
    }
    for (const one of next[index]!) flow(one, regs, state);
  }
  return { ready, kinds, frames };
}

function successors(body: readonly Insn[], places: Places, index: number, insn: Insn): number[] {
  if (insn.kind === 'exit') return [];
  const target = targetOf(body, places, index);
  const list = target === undefined || target < 0 ? [] : [target];
  if (insn.kind !== 'goto' && index + 1 < body.length) list.push(index + 1);
  return list;
}

function reach(entry: number, next: readonly (readonly number[])[]): Set<number> {
  const seen = new Set<number>();
  const work = [entry];
  for (let index = work.pop(); index !== undefined; index = work.pop()) {
    if (seen.has(index)) continue;
    seen.add(index);
    work.push(...next[index]!);
  }
  return seen;
}

const ARGUMENTS = 0b111110;
const CALLER_SAVED = 0b111111;
const firstArguments = (count: number): number => ((1 << count) - 1) << 1;
const counts = new Map(HELPERS.map((one) => [one.id, one.variadic ? 5 : one.params.length]));
/** Helpers that give memory of the program's own: values of maps, records of a ring. */
const GIVE_OWN = new Set(
  [
    ...['bpf_map_lookup_elem', 'bpf_map_lookup_percpu_elem', 'bpf_ringbuf_reserve', 'bpf_get_local_storage'],
    ...['bpf_sk_storage_get', 'bpf_inode_storage_get', 'bpf_task_storage_get', 'bpf_cgrp_storage_get'],
    'bpf_dynptr_data',
  ].map((name) => HELPERS.find((one) => one.name === name)!.id),
);

function parameterCount(types: Btf | undefined, reference: CodeReference | undefined): number {
  if (reference?.kind !== 'kfunc' || types === undefined) return 5;
  const func = types.type(reference.btfId);
  const proto = func.kind === 'func' ? types.type(func.type) : undefined;
  return proto?.kind === 'func_proto' ? Math.min(5, proto.params.length) : 5;
}

/** Registers that an instruction other than a call reads, and those that it overwrites. */
function effectsOf(insn: Insn): { uses: number; kills: number } {
  switch (insn.kind) {
    case 'alu': {
      const source = insn.src.kind === 'reg' ? 1 << insn.src.reg : 0;
      return { uses: source | (insn.op === 'mov' ? 0 : 1 << insn.dst), kills: 1 << insn.dst };
    }
    case 'movsx':
    case 'addr_space_cast':
    case 'load':
      return { uses: 1 << insn.src, kills: 1 << insn.dst };
    case 'endian':
      return { uses: 1 << insn.dst, kills: 1 << insn.dst };
    case 'store':
      return { uses: (1 << insn.dst) | (insn.src.kind === 'reg' ? 1 << insn.src.reg : 0), kills: 0 };
    case 'atomic':
      if (insn.op === 'load_acq') return { uses: 1 << insn.src, kills: 1 << insn.dst };
      return { uses: (1 << insn.dst) | (1 << insn.src) | (insn.op === 'cmpxchg' ? 1 : 0), kills: 0 };
    case 'ld_imm64':
      return { uses: 0, kills: 1 << insn.dst };
    case 'ld_packet':
      return { uses: (1 << 6) | (insn.index === undefined ? 0 : 1 << insn.index), kills: CALLER_SAVED };
    case 'jump':
      return { uses: (1 << insn.dst) | (insn.src.kind === 'reg' ? 1 << insn.src.reg : 0), kills: 0 };
    case 'exit':
      return { uses: 1, kills: 0 };
    default:
      return { uses: 0, kills: 0 };
  }
}
