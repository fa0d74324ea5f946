import { type CodeReference, type MapSpec, PLAIN_MAP, PLAIN_PROGRAM, type ProgramSpec } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { Machine, type MachineOptions } from '../src/machine.ts';
import { ArenaMap } from '../src/maps/arena.ts';
import type { VmMap } from '../src/maps/map.ts';
import type { VmProgram } from '../src/program.ts';
import { testRun } from '../src/test-run.ts';
import { SimulatedWorld } from '../src/world.ts';

/** Every test runs on both engines: what compiled code does beside its instructions is the machine's business. */
const ENGINES: [string, MachineOptions][] = [
  ['interpreter', { engine: 'interpreter' }],
  ['compiled', { compileAfter: 0 }],
  ['compiled, bounded', { compileAfter: 0, trust: 'bounded' }],
  ['compiled, verified', { compileAfter: 0, trust: 'verified' }],
];

function words(...list: [op: number, dst: number, src: number, off: number, imm: number][]): Uint8Array {
  return new Uint8Array(
    Int32Array.from(list.flatMap(([op, dst, src, off, imm]) => [op | (dst << 8) | (src << 12) | (off << 16), imm]))
      .buffer,
  );
}

function program(
  machine: Machine,
  code: Uint8Array,
  references: CodeReference[] = [],
  maps = new Map<string, VmMap>(),
): VmProgram {
  const spec: ProgramSpec = {
    ...PLAIN_PROGRAM,
    name: 'test',
    section: 'socket',
    code,
    references,
  };
  return machine.loadProgram(spec, maps);
}

/** r0 = bpf_loop(count, callback, r10 - 8, 0), the callback adds its index to *r2 and ends at 90; gives the sum. */
const LOOP = (count: number): Uint8Array =>
  words(
    [0x7a, 10, 0, -8, 0],
    [0xb7, 1, 0, 0, count],
    [0x18, 2, 4, 0, 7],
    [0, 0, 0, 0, 0],
    [0xbf, 3, 10, 0, 0],
    [0x07, 3, 0, 0, -8],
    [0xb7, 4, 0, 0, 0],
    [0x85, 0, 0, 0, 181],
    [0x79, 0, 10, -8, 0],
    [0x95, 0, 0, 0, 0],
    // the callback
    [0x79, 3, 2, 0, 0],
    [0x0f, 3, 1, 0, 0],
    [0x7b, 2, 3, 0, 0],
    [0xb7, 0, 0, 0, 0],
    [0xa5, 1, 0, 1, 90],
    [0xb7, 0, 0, 0, 1],
    [0x95, 0, 0, 0, 0],
  );
const CALLBACK_REFERENCE: CodeReference = { kind: 'func', slot: 2, name: 'callback' };

const arena = (pages: number): MapSpec => ({
  ...{ name: 'arena', type: 33, keySize: 0, valueSize: 0, maxEntries: pages, flags: 0x400, keyType: 0, valueType: 0 },
  ...{ pinByName: false, numaNode: undefined, mapExtra: 1n << 44n, inner: undefined, initialSlots: new Map() },
  ...{ initialValue: undefined, data: undefined },
});

describe.each(ENGINES)('a machine with programs %s', (_, options) => {
  it('runs callbacks, as often as they want', () => {
    const machine = new Machine(options);
    expect(machine.run(program(machine, LOOP(10), [CALLBACK_REFERENCE]), 0)).toBe(45);
    expect(machine.run(program(machine, LOOP(1000), [CALLBACK_REFERENCE]), 0)).toBe((90 * 91) / 2);
    expect(machine.run(program(machine, LOOP(0), [CALLBACK_REFERENCE]), 0)).toBe(0);
    // More than BPF_MAX_LOOPS is refused before the first turn.
    expect(machine.run(program(machine, LOOP(0x7fffffff), [CALLBACK_REFERENCE]), 0)).toBe(0);
  });

  it('loads what was recorded of the kernel', () => {
    const machine = new Machine(options);
    const world = new SimulatedWorld();
    machine.world = world;
    world.memory.push({ address: 0xffff888000001000n, space: 'kernel', bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
    // r1 = 0xffff888000001000; r0 = *(u32 *)(r1 + 4)
    const code = words([0x18, 1, 0, 0, 0x1000], [0, 0, 0, 0, 0], [0x61, 0, 1, 4, 0], [0x95, 0, 0, 0, 0]);
    new DataView(code.buffer).setUint32(12, 0xffff8880, true);
    expect(machine.run(program(machine, code), 0)).toBe(0x08070605);
    const missing = words([0x18, 1, 0, 0, 0x2000], [0, 0, 0, 0, 0], [0x61, 0, 1, 4, 0], [0x95, 0, 0, 0, 0]);
    new DataView(missing.buffer).setUint32(12, 0xffff8880, true);
    expect(() => machine.run(program(machine, missing), 0)).toThrow('E4010');
  });

  it('goes on in another program by a tail call, in the same budget', () => {
    const machine = new Machine(options);
    const spec: MapSpec = {
      ...PLAIN_MAP,
      name: 'programs',
      type: 3,
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
    };
    const map = machine.createMap(spec);
    const maps = new Map([['programs', map]]);
    // Calls a function that tail calls program `index`, then adds one to its result; -1 when there is no such program.
    const jump = (index: number): VmProgram =>
      program(
        machine,
        words(
          [0x85, 0, 1, 0, 2],
          [0x07, 0, 0, 0, 1],
          [0x95, 0, 0, 0, 0],
          [0x18, 2, 1, 0, 0],
          [0, 0, 0, 0, 0],
          [0xb7, 3, 0, 0, index],
          [0x85, 0, 0, 0, 12],
          [0xb7, 0, 0, 0, -2],
          [0x95, 0, 0, 0, 0],
        ),
        [{ kind: 'map', slot: 3, map: 'programs' }],
        maps,
      );
    // r0 = *(u32 *)(r1 + 0) * 2
    const target = program(machine, words([0x61, 0, 1, 0, 0], [0x67, 0, 0, 0, 1], [0x95, 0, 0, 0, 0]));
    const context = machine.memory.allocate(8);
    machine.memory.view.setUint32(context, 21, true);
    const key = machine.memory.allocate(8);
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, machine.objects.numberOf(target), true);
    expect(map.userUpdate(key, value, 0)).toBe(0);
    expect(machine.run(jump(0), context)).toBe(43);
    expect(machine.run(jump(1), context)).toBe(-1);
    expect(machine.run(jump(5), context)).toBe(-1);
  });

  it('ends loops by may_goto, each run afresh', () => {
    const machine = new Machine({ ...options, budget: 3200 });
    // r0 = 0; for (;;) { r0 += 1; may_goto out } out: exit
    const endless = program(
      machine,
      words([0xb7, 0, 0, 0, 0], [0x07, 0, 0, 0, 1], [0xe5, 0, 0, 1, 0], [0x05, 0, 0, -3, 0], [0x95, 0, 0, 0, 0]),
    );
    expect(machine.run(endless, 0)).toBe(101);
    expect(machine.run(endless, 0)).toBe(101);
    expect(machine.repeat(endless, 0, 3)).toBe(101);
  });

  it('loads from packets as classic BPF does, in a function of its own as well', () => {
    const machine = new Machine(options);
    const hook = { programType: 'BPF_PROG_TYPE_SOCKET_FILTER', attachType: undefined, target: undefined };
    const filter = (code: Uint8Array): VmProgram =>
      machine.loadProgram(
        { ...program(machine, code).spec, hook: { ...hook, sleepable: false, flags: [] } },
        new Map(),
      );
    const data = Uint8Array.from({ length: 64 }, (_, i) => i);
    // r6 = r1; r0 = *(u16 *)skb[offset]; the data starts behind the Ethernet header
    const load = (offset: number): VmProgram =>
      filter(words([0xbf, 6, 1, 0, 0], [0x28, 0, 0, 0, offset], [0x07, 0, 0, 0, 1], [0x95, 0, 0, 0, 0]));
    expect(testRun(machine, load(2), { data }).retval).toBe(0x1012);
    expect(testRun(machine, load(48), { data }).retval).toBe(0x3e40);
    expect(testRun(machine, load(49), { data }).retval).toBe(0);
    expect(testRun(machine, load(-0x200000 + 1), { data }).retval).toBe(0x0103);
    // Through a register, inside of a function that ends with 0 where there is no packet; its caller goes on.
    const called = (offset: number): VmProgram =>
      filter(
        words(
          [0xb7, 2, 0, 0, offset],
          [0x85, 0, 1, 0, 2],
          [0x07, 0, 0, 0, 7],
          [0x95, 0, 0, 0, 0],
          [0xbf, 6, 1, 0, 0],
          [0xbf, 7, 2, 0, 0],
          [0x50, 0, 7, 0, 1],
          [0x95, 0, 0, 0, 0],
        ),
      );
    expect(testRun(machine, called(3), { data }).retval).toBe(14 + 4 + 7);
    expect(testRun(machine, called(300), { data }).retval).toBe(7);
    const one = load(0);
    testRun(machine, one, { data });
    expect(one.compiled !== null).toBe(true);
  });

  it('shares pages of an arena by address', () => {
    const machine = new Machine(options);
    const map = machine.createMap(arena(4));
    if (!(map instanceof ArenaMap)) throw new Error('no arena');
    const maps = new Map([['arena', map]]);
    const references: CodeReference[] = [
      { kind: 'map', slot: 0, map: 'arena' },
      { kind: 'kfunc', slot: 6, name: 'bpf_arena_alloc_pages', btfId: 0, weak: false },
    ];
    // r0 = bpf_arena_alloc_pages(arena, 0, 2, -1, 0); r1 = kernel's view of it; *r1 = 77; *(user's view, as a number) in r0
    const user = program(
      machine,
      words(
        [0x18, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0xb7, 2, 0, 0, 0],
        [0xb7, 3, 0, 0, 2],
        [0xb7, 4, 0, 0, -1],
        [0xb7, 5, 0, 0, 0],
        [0x85, 0, 2, 0, 0],
        [0xbf, 1, 0, 1, 1],
        [0xb7, 2, 0, 0, 77],
        [0x15, 0, 0, 3, 0],
        [0x63, 1, 2, 8, 0],
        [0x61, 2, 1, 8, 0],
        [0xbf, 0, 1, 1, 1 << 16],
        [0x95, 0, 0, 0, 0],
      ),
      references,
      maps,
    );
    const address = machine.run64(user, 0);
    expect(address >> 32n).not.toBe(0n);
    expect(map.view(address, 12)[8]).toBe(77);
    expect(map.used).toBe(2);
    expect(machine.run64(user, 0)).toBe(address + 8192n);
    // Full: NULL, which stays NULL in both views.
    expect(machine.run64(user, 0)).toBe(0n);
    map.free(Number(address & 0xffffffffn), 2);
    expect(machine.run64(user, 0)).toBe(address);
    expect(() => map.view(0x10000, 4)).toThrow(RangeError);
  });

  it('gives each run its own budget, repeated or not', () => {
    if (options.trust === 'verified') return;
    const machine = new Machine({ ...options, budget: 5000 });
    // r0 = 1000; do r0 -= 1 while (r0 != 0)
    const counting = program(
      machine,
      words([0xb7, 0, 0, 0, 1000], [0x07, 0, 0, 0, -1], [0x55, 0, 0, -2, 0], [0xb7, 0, 0, 0, 7], [0x95, 0, 0, 0, 0]),
    );
    expect(machine.repeat(counting, 0, 500)).toBe(7);
    const endless = program(machine, words([0x05, 0, 0, -1, 0], [0x95, 0, 0, 0, 0]));
    expect(() => machine.run(endless, 0)).toThrow('it ran 5000 instructions without ending');
    expect(machine.run(counting, 0)).toBe(7);
  });
});

describe('the way to compiled code', () => {
  it('is taken when a program has run for a while, and by its end all agree', () => {
    const machine = new Machine({ compileAfter: 1000 });
    const adding = program(
      machine,
      words([0x61, 0, 1, 0, 0], [0x07, 0, 0, 0, 1], [0x63, 1, 0, 0, 0], [0x95, 0, 0, 0, 0]),
    );
    const context = machine.memory.allocate(8);
    for (let i = 1; i <= 600; i++) expect(machine.run(adding, context)).toBe(i);
    expect(adding.compiled).toBeTruthy();
    expect(adding.heat).toBeGreaterThanOrEqual(1000);
  });

  it('exists without blocking', async () => {
    const machine = new Machine({ compileAfter: 1e9 });
    const one = program(machine, words([0xb7, 0, 0, 0, 5], [0x95, 0, 0, 0, 0]));
    expect(await machine.compileAsync(one)).toBe(true);
    expect(machine.run(one, 0)).toBe(5);
  });

  it('is not taken by programs that only the interpreter takes', () => {
    const machine = new Machine({ compileAfter: 0 });
    const strange = program(machine, words([0xb7, 10, 0, 0, 5], [0xbf, 0, 10, 0, 0], [0x95, 0, 0, 0, 0]));
    expect(machine.run(strange, 0)).toBe(5);
    expect(strange.compiled).toBe(null);
  });
});
