import { SkepError } from '@skep/base';
import { PLAIN_PROGRAM, type ProgramSpec } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { Machine, PacketBatch, type VmProgram, xdpPacket } from '../src/index.ts';

type Instruction = [op: number, dst: number, src: number, off: number, imm: number];

function load(machine: Machine, instructions: readonly Instruction[]): VmProgram {
  const words = instructions.flatMap(([op, dst, src, off, imm]) => [op | (dst << 8) | (src << 12) | (off << 16), imm]);
  const spec: ProgramSpec = {
    ...PLAIN_PROGRAM,
    name: 'test',
    section: 'xdp',
    hook: { programType: 'BPF_PROG_TYPE_XDP' } as ProgramSpec['hook'],
    code: new Uint8Array(Int32Array.from(words).buffer),
  };
  return machine.loadProgram(spec, new Map());
}

/** Moves the start by 4 bytes, writes the length there; gives the first byte that is then there. */
const SHIFT: readonly Instruction[] = [
  [0xbf, 6, 1, 0, 0],
  [0xb7, 2, 0, 0, 4],
  [0x85, 0, 0, 0, 44],
  [0x61, 2, 6, 0, 0],
  [0x61, 3, 6, 4, 0],
  [0x71, 0, 2, 0, 0],
  [0x1f, 3, 2, 0, 0],
  [0x6b, 2, 3, 0, 0],
  [0x95, 0, 0, 0, 0],
];

const packets = Array.from({ length: 100 }, (_, i) =>
  Uint8Array.from({ length: 18 + ((i * 7) % 90) }, (_, at) => at * 3 + i),
);

describe('a batch of packets', () => {
  it.each(['unverified', 'bounded', 'verified'] as const)('comes to the same as one after the other (%s)', (trust) => {
    const machine = new Machine({ trust });
    const program = load(machine, SHIFT);
    const want = packets.map((data) => xdpPacket(machine, program, data));
    expect(PacketBatch.takes(machine, program)).toBe(true);
    const batch = new PacketBatch(machine, 64);
    const seen: { retval: number; dataOut: Uint8Array }[] = [];
    for (let at = 0; at < packets.length; ) {
      batch.clear();
      while (at < packets.length && batch.add(packets[at]!)) at += 1;
      expect(batch.run(program)).toEqual({ ran: batch.count });
      for (let i = 0; i < batch.count; i++) seen.push({ retval: batch.verdict(i), dataOut: batch.data(i) });
    }
    expect(seen).toEqual(want);
  });

  it('stops at the packet at which the program does, and says how far it came', () => {
    const machine = new Machine();
    // Reads at the address in the packet's first word.
    const program = load(machine, [
      [0x61, 2, 1, 0, 0],
      [0x61, 3, 2, 0, 0],
      [0x61, 0, 3, 0, 0],
      [0x95, 0, 0, 0, 0],
    ]);
    const batch = new PacketBatch(machine, 8);
    for (const first of [1, 1, 0, 1]) batch.add(Uint8Array.from({ length: 20 }, (_, i) => (i === 2 ? first : 0)));
    expect(PacketBatch.takes(machine, program)).toBe(true);
    const { ran, failed } = batch.run(program);
    expect(ran).toBe(2);
    expect(failed).toBeInstanceOf(SkepError);
    expect((failed as SkepError).message).toContain('E4010');
  });

  it('is not for programs whose helpers need a look between two packets', () => {
    const machine = new Machine();
    const time = load(machine, [
      [0x85, 0, 0, 0, 5],
      [0x95, 0, 0, 0, 0],
    ]);
    expect(PacketBatch.takes(machine, time)).toBe(false);
    expect(PacketBatch.takes(new Machine({ engine: 'interpreter' }), load(machine, SHIFT))).toBe(false);
  });
});
