import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8Bytes } from '@skep/base';
import { describe, expect, it } from 'vitest';
import { writeElf } from '../../src/elf/write.ts';
import { assemble } from '../../src/insn/assemble.ts';
import { decode } from '../../src/insn/decode.ts';
import { printInsn } from '../../src/insn/disassemble.ts';
import { encode } from '../../src/insn/encode.ts';
import type { Insn } from '../../src/insn/model.ts';
import { slotStarts } from '../../src/insn/slots.ts';
import { examIsThere, examWhy, isaTests } from './exam.ts';

/** Forms of instructions that the exam has few or none of. */
const FORMS = `
  w1 = -w1; r1 = (s32)r2; w1 = (s8)w2; r1 = le64 r1; r1 = bswap64 r1; r2 *= -3; w1 s%= -5; r1 s/= r2
  r1 = load_acquire((u8 *)(r2 -1)); r1 = load_acquire((u64 *)(r2 +8)); store_release((u32 *)(r2 +6), r1)
  lock *(u32 *)(r2 +4) ^= r3; r3 = atomic_fetch_or((u32 *)(r2 +8), r3); r3 = atomic64_fetch_and((u64 *)(r2 +8), r3)
  r3 = atomic64_xchg((u64 *)(r2 +8), r3); r0 = atomic_cmpxchg((u32 *)(r2 +8), r0, r1)
  r1 = addr_space_cast(r2, 0, 1); r0 = *(u8 *)skb[12]; r0 = *(u16 *)skb[r7 + -4]; r1 = *(s16 *)(r10 -4)
  *(u32 *)(r10 -4) = -7; *(u64 *)(r10 -8) = r1; may_goto pc+0; gotol pc+0; goto pc+0; r1 = 0xfedcba9876543210 ll
  if w1 s> 0xffffffff goto pc+0; if r1 & 0x10 goto pc+0; if r1 s<= r2 goto pc+0
  call bpf_ktime_get_ns#5; call bpf_get_smp_processor_id#8; exit`;

const log = kernelLog(assemble('r0 = r9; exit'));
const why = log === undefined ? ' (skipped: needs bpftool, root and a kernel whose log lists the live registers)' : '';

describe.skipIf(log === undefined)(`the verifier’s log${why}`, () => {
  it('has every form of instruction as we print it', () => {
    expect(compare(assemble(FORMS))).toBeGreaterThan(30);
  });

  it.skipIf(!examIsThere)(`has programs of the exam as we print them${examWhy}`, () => {
    const programs = isaTests().filter(
      ({ expect: { result }, name }) => result !== undefined && !name.includes('callx'),
    );
    let compared = 0;
    for (let index = 0; index < programs.length; index += 12) {
      compared += compare(decode(Uint8Array.from(Buffer.from(programs[index]!.bytecode, 'hex'))));
    }
    expect(compared).toBeGreaterThan(150);
  });
});

function compare(insns: readonly Insn[]): number {
  const printed = kernelLog(insns);
  if (printed === undefined) return 0;
  const starts = slotStarts(insns);
  insns.forEach((insn, index) => {
    // The kernel leaves out that an immediate is a long one.
    expect(printInsn(insn).replace(/ ll$/, '')).toBe(printed.get(starts[index]!));
  });
  return insns.length;
}

/**
 * Slot -> instruction as the verifier prints it before it starts: it does so for programs that it then refuses. A read
 * of r9 in front makes sure of that, so that nothing is ever loaded.
 */
function kernelLog(insns: readonly Insn[]): ReadonlyMap<number, string> | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'skep-kernel-log-'));
  try {
    const file = join(folder, 'program.o');
    const section = (name: string, flags: number, data: Uint8Array) => {
      return { name, type: 1, flags, align: 8, entrySize: 0, size: data.length, data, relocations: [] };
    };
    const poison = assemble('r8 = r9');
    const code = encode([...poison, ...insns]);
    writeFileSync(
      file,
      writeElf({
        littleEndian: true,
        machine: 247,
        sections: [section('socket', 6, code), section('license', 3, utf8Bytes('GPL\0'))],
        symbols: [
          {
            name: 'program',
            value: 0,
            size: code.length,
            binding: 'global',
            type: 'func',
            visibility: 'default',
            section: 0,
          },
        ],
      }),
    );
    const pin = `/sys/fs/bpf/skep-kernel-log-${process.pid}`;
    const { stdout, stderr } = spawnSync('bpftool', ['-d', 'prog', 'load', file, pin], { encoding: 'utf8' });
    const text = `${stdout ?? ''}${stderr ?? ''}`;
    const start = text.indexOf('Live regs before insn:');
    if (start < 0) return undefined;
    const found = new Map<number, string>();
    for (const line of text.slice(start).split('\n').slice(1)) {
      const entry = /^\s*(?:\d+\s+)?(\d+): [.0-9]{10} \([0-9a-f]{2}\) (.*)$/.exec(line);
      if (entry === null) break;
      found.set(Number(entry[1]) - poison.length, entry[2]!);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
