import { assemble, encode } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../test/support/random.mjs';
import { type MapInfo, type Verdict, type VerifyInput, verify } from '../src/index.ts';

const XDP = 6;
const KPROBE = 2;
const SOCKET_FILTER = 1;

function check(text: string, more: Partial<VerifyInput> = {}): Verdict {
  return verify({ code: encode(assemble(text)), type: XDP, license: 'GPL', ...more });
}

const HASH: MapInfo = {
  name: 'counts',
  type: 1,
  keySize: 4,
  valueSize: 8,
  maxEntries: 16,
  flags: 0,
  keyType: 0,
  valueType: 0,
  inner: undefined,
  contents: undefined,
};

/** `r1 = map` in two slots. */
function withMap(text: string, slot: number, map: MapInfo = HASH): Verdict {
  const code = encode(assemble(text));
  code[slot * 8 + 1] = (code[slot * 8 + 1]! & 15) | (1 << 4);
  return verify({ code, type: XDP, license: 'GPL', maps: [map], mapAt: new Map([[slot, 0]]) });
}

const LOOKUP = '*(u32 *)(r10 - 4) = 0; r2 = r10; r2 += -4; r1 = 0 ll; call 1;';

describe('verdicts', () => {
  it('accepts what does nothing', () => {
    expect(check('r0 = 2; exit')).toMatchObject({ accepted: true, decided: true, processed: 2 });
  });

  const refused: readonly [string, string, string, Partial<VerifyInput>?][] = [
    ['exit', 'R0 !read_ok', 'E2105'],
    ['r0 = *(u64 *)(r10 - 8); r0 = *(u8 *)(r0 + 0); exit', "R0 invalid mem access 'scalar'", 'E2102'],
    ['r10 = 1; r0 = 0; exit', 'frame pointer is read only', 'E2999'],
    ['r0 = *(u32 *)(r1 + 100); exit', 'invalid bpf_context access off=100 size=4', 'E2113'],
    ['r2 = *(u32 *)(r1 + 0); r0 = *(u8 *)(r2 + 0); exit', 'R2 offset is outside of the packet', 'E2101'],
    ['r0 = 0; *(u64 *)(r10 - 520) = r0; exit', 'invalid write to stack R10 off=-520 size=8', 'E2118'],
    ['r0 = 0; *(u32 *)(r10 - 7) = r0; exit', 'misaligned stack access off 0+0+-7 size 4', 'E2108'],
    ['r0 = 0; r0 /= 0; exit', 'div by zero', 'E2131'],
    ['r0 = 0; goto +5; exit', 'jump out of range from insn 1 to 7', 'E2124'],
    ['r0 = 0; exit; r0 = 1; exit', 'unreachable insn 2', 'E2124'],
    ['r0 = 0', 'last insn is not an exit or jmp', 'E2124'],
    ['r0 = 0; goto -2', 'infinite loop detected at insn 0', 'E2117'],
    ['call 999; exit', 'invalid func unknown#999', 'E2115'],
    ['call 9; exit', 'program of this type cannot use helper bpf_skb_store_bytes#9', 'E2114'],
    ['r1 *= 2; r0 = 0; exit', 'R1 pointer arithmetic with *= operator prohibited', 'E2123'],
    ['r0 = r1; exit', 'R0 leaks addr as return value', 'E2132', { type: SOCKET_FILTER, privileged: false }],
    [
      'r0 = 5; exit',
      'At program exit the register R0 has smin=5 smax=5 should have been in [0, 1]',
      'E2120',
      { type: 15 },
    ],
  ];
  for (const [text, kernelMessage, code, more] of refused) {
    it(`refuses ${text}`, () => {
      expect(check(text, more)).toMatchObject({ accepted: false, decided: true, kernelMessage, code });
    });
  }

  it('wants a null check after a lookup, and takes one', () => {
    expect(withMap(`${LOOKUP} r0 = *(u64 *)(r0 + 0); exit`, 3)).toMatchObject({
      accepted: false,
      code: 'E2103',
      kernelMessage: "R0 invalid mem access 'map_value_or_null'",
    });
    expect(withMap(`${LOOKUP} if r0 == 0 goto +1; r0 = *(u64 *)(r0 + 0); r0 = 0; exit`, 3)).toMatchObject({
      accepted: true,
    });
    expect(withMap(`${LOOKUP} if r0 == 0 goto +1; r0 = *(u64 *)(r0 + 8); r0 = 0; exit`, 3)).toMatchObject({
      accepted: false,
      code: 'E2106',
    });
  });

  it('follows bounds through the packet', () => {
    const text =
      'r2 = *(u32 *)(r1 + 0); r3 = *(u32 *)(r1 + 4); r4 = r2; r4 += 14; if r4 > r3 goto +1; r0 = *(u8 *)(r2 + OFF); r0 = 2; exit';
    expect(check(text.replace('OFF', '13'))).toMatchObject({ accepted: true });
    expect(check(text.replace('OFF', '14'))).toMatchObject({ accepted: false, code: 'E2101' });
  });

  it('follows bounded loops to their end', () => {
    expect(check('r0 = 0; r0 += 1; if r0 < 100 goto -2; exit')).toMatchObject({ accepted: true, processed: 202 });
  });

  it('knows what each kernel has', () => {
    const goto32 = 'r0 = 0; gotol +0; exit';
    expect(check(goto32, { kernel: '6.12' }).accepted).toBe(true);
    expect(check(goto32, { kernel: '6.1' })).toMatchObject({ accepted: false, kernelMessage: 'unknown opcode 06' });
  });

  it('checks the distance of a linked number from those it is linked to', () => {
    const text = (step: string): string =>
      `call 7; r1 = r0; ${step}; if r1 > 7 goto +4; r2 = r10; r2 += -8; r2 += r1; r0 = 0; r0 = 0; exit`;
    const refusal = (offset: string) => ({
      accepted: false,
      kernelMessage: `fp pointer offset ${offset} is not allowed`,
    });
    expect(check(text('r1 += 0x40000000'), { kernel: '6.12' })).toMatchObject(refusal('1073741824'));
    expect(check(text('r1 -= 2147483647'), { kernel: '6.12' }).accepted).toBe(true);
    expect(check(text('r1 -= 2147483647'), { kernel: '6.18' })).toMatchObject(refusal('-2147483647'));
    expect(check(text('r1 += -2147483648'), { kernel: '6.18' })).toMatchObject(refusal('-2147483648'));
    expect(check(text('r1 += 0x40000000; r1 += 1'), { kernel: '6.18' }).accepted).toBe(true);
  });

  it('counts the stack of saves around a helper that only some programs have in line', () => {
    const text =
      '*(u64 *)(r10 - 512) = 0; call pc+2; r0 = 1; exit; *(u64 *)(r10 - 8) = r1; call 8; r1 = *(u64 *)(r10 - 8); exit';
    const CGROUP_SKB = 8;
    for (const kernel of ['6.12', '6.18'] as const) {
      expect(check(text, { kernel })).toMatchObject({ accepted: true, stackDepth: [512, 0] });
      expect(check(text, { kernel, type: CGROUP_SKB })).toMatchObject({
        accepted: false,
        kernelMessage: 'combined stack size of 2 calls is 528. Too large',
      });
    }
  });

  const only618 = { kernel: '6.18', type: SOCKET_FILTER } as const;

  it('forgets the address of an atomic operation that loads over it', () => {
    const text = (address: string): string =>
      `r0 = r10; *(u64 *)(r10 - 8) = r0; r5 = r10; r0 = atomic64_cmpxchg((u64 *)(${address} - 8), r0, r5); r0 = 0; exit`;
    expect(check(text('r10'), only618).accepted).toBe(true);
    expect(check(text('r0'), only618)).toMatchObject({
      accepted: false,
      kernelMessage: 'misaligned access off (0x0; 0xffffffffffffffff)+0+-8 size 8',
    });
  });

  it('takes load_acquire and store_release where the kernel has them', () => {
    const text = 'r2 = 7; store_release((u64 *)(r10 - 8), r2); r0 = load_acquire((u64 *)(r10 - 8)); exit';
    expect(check(text, only618).accepted).toBe(true);
    expect(check(text, { ...only618, kernel: '6.12' })).toMatchObject({
      kernelMessage: 'BPF_ATOMIC uses invalid atomic opcode 110',
    });
    expect(check('r0 = load_acquire((u32 *)(r1 + 0)); r0 = 0; exit', only618)).toMatchObject({
      kernelMessage: 'BPF_ATOMIC loads from R1 ctx is not allowed',
    });
  });

  it('knows of products what each kernel knows', () => {
    // 0x7ffffe80 and a bit: Linux 6.12 keeps the upper bits, Linux 6.18 loses them.
    const text =
      'call 7; r0 &= 0x3f; r0 |= 0x7fffff80; w0 *= 3; if r0 > 0x70000000 goto +1; r0 = *(u64 *)(r10 + 8); r0 = 0; exit';
    expect(check(text, { ...only618, kernel: '6.12' }).accepted).toBe(true);
    expect(check(text, only618).accepted).toBe(false);
  });

  it('refuses LSM and struct_ops programs that are not under the GPL', () => {
    const LSM = { type: 29, attachType: 27, attachTarget: 'file_open', license: 'MIT' };
    expect(check('r0 = 0; exit', LSM).kernelMessage).toBe('LSM programs must have a GPL compatible license');
  });

  it('reads before the context of a tracepoint, as kernels let it', () => {
    const TRACEPOINT = 5;
    for (const kernel of ['6.1', '6.12', '6.18'] as const) {
      expect(check('r0 = *(u8 *)(r1 - 24); r0 = 0; exit', { kernel, type: TRACEPOINT }).accepted).toBe(true);
      expect(check('r0 = *(u8 *)(r1 + 7); r0 = 0; exit', { kernel, type: TRACEPOINT })).toMatchObject({
        accepted: false,
        kernelMessage: 'invalid bpf_context access off=7 size=1',
      });
    }
  });

  it('gives up within its budget instead of hanging', () => {
    const verdict = check('r0 = 0; r0 += 1; if r0 < 300000 goto -2; exit', { type: KPROBE, budget: { time: 20 } });
    expect(verdict).toMatchObject({ accepted: false, decided: false, code: 'E2000' });
  });

  it('refuses any bytes with a verdict, never an exception', () => {
    const random = new Random(7);
    for (let round = 0; round < 3000; round++) {
      const code = new Uint8Array(8 * (1 + (round % 9)));
      for (let i = 0; i < code.length; i++) {
        code[i] = random.below(i % 8 === 1 ? 11 : i % 8 > 3 || round % 3 === 0 ? 3 : 256);
      }
      expect(typeof verify({ code, type: 1 + (round % 32), license: 'GPL' }).accepted).toBe('boolean');
    }
  });
});
