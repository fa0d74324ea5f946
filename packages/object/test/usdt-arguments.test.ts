import { PT_REGS } from '@skep/abi';
import { describe, expect, it } from 'vitest';
import { parseUsdtArguments } from '../src/index.ts';

const X86 = PT_REGS.x86_64.offsets;
const ARM64 = PT_REGS.arm64.offsets;
const memory = (base: number, displacement: bigint, index?: number, scale = 1) => ({
  kind: 'memory',
  ...{ base, index, scale, displacement },
});

describe('arguments of static probes', () => {
  it('are read as x86-64 spells them', () => {
    expect(parseUsdtArguments('', 'x86_64')).toEqual([]);
    expect(parseUsdtArguments('-4@%edi 8@%r12 1@%bpl 2@%r9w -4@$-9 8@$0x10', 'x86_64')).toEqual([
      { size: 4, signed: true, kind: 'register', offset: X86['di'] },
      { size: 8, signed: false, kind: 'register', offset: X86['r12'] },
      { size: 1, signed: false, kind: 'register', offset: X86['bp'] },
      { size: 2, signed: false, kind: 'register', offset: X86['r9'] },
      { size: 4, signed: true, kind: 'constant', value: -9n },
      { size: 8, signed: false, kind: 'constant', value: 16n },
    ]);
    expect(parseUsdtArguments('8@16(%rsp) -4@-1204(%rbp) 8@(%rax,%rbx,8) 1@3(%r8,%rcx)', 'x86_64')).toMatchObject([
      memory(X86['sp']!, 16n),
      memory(X86['bp']!, -1204n),
      memory(X86['ax']!, 0n, X86['bx'], 8),
      memory(X86['r8']!, 3n, X86['cx']),
    ]);
  });

  it('are read as arm64 spells them', () => {
    expect(parseUsdtArguments('-4@w0 8@x19 8@[sp, 60] -4@[x29, #-8] 8@[x2] 8@[x1, x3, lsl 3] 4@5', 'arm64')).toEqual([
      { size: 4, signed: true, kind: 'register', offset: ARM64['regs[0]'] },
      { size: 8, signed: false, kind: 'register', offset: ARM64['regs[19]'] },
      { size: 8, signed: false, ...memory(ARM64['sp']!, 60n) },
      { size: 4, signed: true, ...memory(ARM64['regs[29]']!, -8n) },
      { size: 8, signed: false, ...memory(ARM64['regs[2]']!, 0n) },
      { size: 8, signed: false, ...memory(ARM64['regs[1]']!, 0n, ARM64['regs[3]'], 8) },
      { size: 4, signed: false, kind: 'constant', value: 5n },
    ]);
  });

  it('are unknown where they are of neither', () => {
    for (const [text, arch] of [
      ['4@%ah', 'x86_64'],
      ['8f@%xmm0', 'x86_64'],
      ['8@%r99', 'x86_64'],
      ['4@w0', 'x86_64'],
      ['8@x31', 'arm64'],
      ['8@[x1, x3, sxtw 3]', 'arm64'],
      ['4@%edi', 'arm64'],
      ['nonsense', 'arm64'],
    ] as const)
      expect(parseUsdtArguments(text, arch), text).toEqual([undefined]);
  });
});
