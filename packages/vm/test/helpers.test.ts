import { HELPERS, KFUNCS } from '@skep/abi';
import { SkepError } from '@skep/base';
import { type MapSpec, PLAIN_MAP, type ProgramSpec } from '@skep/object';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, Thrown } from '../src/fault.ts';
import { refusedHelpers } from '../src/helpers/index.ts';
import { SkBuff } from '../src/hooks/skb.ts';
import { XdpPacket } from '../src/hooks/xdp.ts';
import { FIRST_KFUNC, kfuncNumber, kfuncs, refusedKfuncs } from '../src/kfuncs/index.ts';
import { Machine } from '../src/machine.ts';
import type { VmMap } from '../src/maps/map.ts';

const spec = (type: number, keySize: number, valueSize: number, maxEntries: number, flags = 0): MapSpec => ({
  ...PLAIN_MAP,
  ...{ name: `map${type}`, type, keySize, valueSize, maxEntries, flags },
});

/** One of nearly every type. */
function everyMap(machine: Machine): VmMap[] {
  const inner = spec(2, 4, 8, 2);
  return [
    ...[spec(1, 4, 8, 4), spec(2, 4, 16, 4), spec(5, 4, 8, 4), spec(6, 4, 8, 4), spec(9, 4, 8, 4), spec(10, 4, 8, 4)],
    ...[spec(3, 4, 4, 4), spec(4, 4, 4, 1), spec(7, 4, 64, 8), spec(8, 4, 4, 2), spec(11, 8, 4, 8, 1)],
    ...[{ ...spec(12, 4, 4, 2), inner }, { ...spec(13, 4, 4, 2), inner }, spec(14, 4, 4, 4), spec(15, 4, 8, 4)],
    ...[
      spec(16, 4, 4, 4),
      spec(17, 4, 4, 4),
      spec(18, 4, 8, 4),
      spec(19, 16, 8, 0),
      spec(20, 4, 8, 4),
      spec(22, 0, 8, 2),
    ],
    ...[spec(23, 0, 8, 2), spec(24, 4, 8, 0, 1), spec(25, 4, 4, 4), spec(27, 0, 0, 4096), spec(28, 4, 8, 0, 1)],
    ...[spec(29, 4, 8, 0, 1), spec(30, 0, 8, 10), spec(31, 0, 0, 4096), spec(32, 4, 8, 0, 1)],
  ].map((one) => machine.createMap(one));
}

const program = (type: string): ProgramSpec => ({
  ...{ name: 'fuzzed', section: 'fuzzed', autoload: true, code: Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0) },
  hook: { programType: type, attachType: undefined, target: undefined, sleepable: false, flags: [] },
  ...{ references: [], core: [], funcInfo: [], lineInfo: [], functions: [] },
});

describe('helpers', () => {
  it('of the whole table are there, or are refused at load by name with a reason', () => {
    const machine = new Machine();
    const refused: string[] = [];
    for (const { id, name } of HELPERS) {
      if (machine.helpers[id] !== undefined) {
        expect(refusedHelpers[name], name).toBeUndefined();
        continue;
      }
      refused.push(name);
      const code = new Uint8Array(16);
      const view = new DataView(code.buffer);
      view.setUint8(0, 0x85);
      view.setInt32(4, id, true);
      view.setUint8(8, 0x95);
      const load = () => machine.loadProgram({ ...program('BPF_PROG_TYPE_XDP'), code }, new Map());
      expect(load).toThrow(
        `calls ${name} (instruction 0), which the virtual machine does not have: ${refusedHelpers[name]}`,
      );
    }
    expect(refused).toEqual([
      ...['bpf_lwt_seg6_store_bytes', 'bpf_lwt_seg6_adjust_srh', 'bpf_lwt_seg6_action'],
      ...['bpf_snprintf_btf', 'bpf_seq_printf_btf', 'bpf_sys_bpf', 'bpf_sys_close'],
    ]);
  });

  it('and functions of the kernel: each is there, refused with a reason, or unknown', () => {
    const machine = new Machine();
    const calls = (name: string) => () =>
      machine.loadProgram(
        {
          ...program('BPF_PROG_TYPE_XDP'),
          code: Uint8Array.of(0x85, 0x20, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
          references: [{ kind: 'kfunc', slot: 0, name, btfId: 0, weak: false }],
        },
        new Map(),
      );
    const unknown: string[] = [];
    for (const { name } of KFUNCS) {
      if (kfuncNumber(name) !== undefined) expect(calls(name)).not.toThrow();
      else if (refusedKfuncs[name] === undefined) unknown.push(name);
      else expect(calls(name)).toThrow(`${name} (instruction 0), which the virtual machine does not have: `);
    }
    expect(unknown).toEqual([]);
    expect(calls('bpf_of_the_future')).toThrow('E4008');
    // Nobody gets there by number, without naming the function.
    const raw = Uint8Array.of(0x85, 0, 0, 0, 0, 1, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
    expect(() => machine.loadProgram({ ...program('BPF_PROG_TYPE_XDP'), code: raw }, new Map())).toThrow('E4004');
  });

  it('of any arguments return or stop the program, and do nothing else', () => {
    const machine = new Machine();
    const maps = everyMap(machine);
    const packet = new XdpPacket(machine.memory);
    const skb = new SkBuff(machine.memory);
    const socket = machine.createSocket({ sock: { family: 2 }, tcp: {} });
    const room = machine.memory.allocate(4096);
    const size = machine.memory.size;
    const pointer = fc.constantFrom(
      ...[0, 1, 0x10000, 0x10100, room, room + 8, room + 4095, packet.context, skb.context, socket.address],
      ...[size - 1, size - 8, size, -1, -8, 0x7fffffff, ...maps.map((one) => one.address)],
      ...maps.flatMap((one) => [one.address, one.address]),
    );
    const low = fc.oneof(pointer, fc.integer({ min: -3, max: 200 }), fc.integer());
    const high = fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1, 0x5ca11bac), fc.integer());
    const args = fc.array(fc.tuple(low, high), { minLength: 5, maxLength: 5 });
    const types = ['BPF_PROG_TYPE_XDP', 'BPF_PROG_TYPE_SCHED_CLS', 'BPF_PROG_TYPE_SK_LOOKUP'];
    const programs = types.map((type) => machine.loadProgram(program(type), new Map()));
    const ids = HELPERS.map((one) => one.id)
      .filter((id) => machine.helpers[id] !== undefined)
      .concat(kfuncs.map((_, i) => FIRST_KFUNC + i));
    let returned = 0;
    const property = fc.property(
      fc.constantFrom(...ids),
      fc.constantFrom(...programs),
      args,
      fc.boolean(),
      (id, running, given, bare) => {
        machine.running = running;
        machine.outcome = {};
        machine.hook = bare ? {} : { socket, args: 2 };
        machine.skb = bare ? undefined : skb;
        machine.packet = bare ? undefined : packet;
        machine.fuel = 1000;
        if (!bare) {
          skb.fill(new Uint8Array(60), { layer2: true, direct: true }, {}, socket);
          packet.fill(new Uint8Array(60), 1, 0);
        }
        machine.memory.bytes.fill(7, room, room + 64);
        const registers = new Int32Array(22);
        for (const [i, [a, b]] of given.entries()) {
          registers[2 * i + 2] = a;
          registers[2 * i + 3] = b;
        }
        try {
          machine.helpers[id]!(machine, registers);
          returned += 1;
        } catch (error) {
          // A RangeError is an access beyond memory, which engines turn into a fault.
          if (
            !(
              error instanceof Fault ||
              error instanceof Thrown ||
              error instanceof SkepError ||
              error instanceof RangeError
            )
          )
            throw error;
        }
        machine.tail = undefined;
        expect(machine.memory.size).toBe(size);
      },
    );
    fc.assert(property, { numRuns: 30_000 });
    expect(returned).toBeGreaterThan(3000);
  }, 60_000);
});
