import { describe, expect, it } from 'vitest';
import { explainRefusal, readKernelLog } from '../src/index.ts';

/** As bpftool prints it on Linux 6.18, of an object that clang made. */
const PACKET = `libbpf: prog 'first': BPF program load failed: Permission denied
libbpf: prog 'first': -- BEGIN PROG LOAD LOG --
0: R1=ctx() R10=fp0
; void *data_end = (void *)(long)ctx->data_end; @ a.bpf.c:12
0: (61) r2 = *(u32 *)(r1 +4)          ; R1=ctx() R2=pkt_end()
; void *data = (void *)(long)ctx->data; @ a.bpf.c:11
1: (61) r1 = *(u32 *)(r1 +0)          ; R1=pkt(r=0)
; if (data + sizeof(*eth) > data_end) @ a.bpf.c:15
2: (bf) r3 = r1                       ; R1=pkt(r=0) R3=pkt(r=0)
3: (07) r3 += 14                      ; R3=pkt(off=14,r=0)
4: (2d) if r3 > r2 goto pc+20         ; R2=pkt_end() R3=pkt(off=14,r=14)
; __u32 key = ip->protocol; @ a.bpf.c:17
5: (71) r1 = *(u8 *)(r1 +23)
invalid access to packet, off=23 size=1, R1(id=0,off=23,r=14)
R1 offset is outside of the packet
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --
`;

const NULL_POINTER = `; __u64 *n = bpf_map_lookup_elem(&counts, &key); @ b.bpf.c:7
6: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=2,map=counts,ks=4,vs=8)
; *n += 1; @ b.bpf.c:8
7: (79) r5 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

describe('logs of kernels', () => {
  it('says of a packet what was compared and what is read', () => {
    const log = readKernelLog(PACKET, '6.18');
    expect(log).toMatchObject({ program: 'first', insn: 5, refused: true });
    expect(explainRefusal(log)).toMatchObject({
      code: 'E2101',
      needed: 'the first 24 bytes have to be in the packet',
      known: 'only the first 14 are known to be, from the check at line 15',
      source: { file: 'a.bpf.c', line: 17 },
    });
  });

  it('names the map whose lookup was not checked', () => {
    const { code, known } = explainRefusal(readKernelLog(NULL_POINTER, '6.18'));
    expect(code).toBe('E2103');
    expect(known).toContain('bpf_map_lookup_elem() at line 7 gives NULL when the map `counts`');
  });

  it('goes back where the log of level 2 goes to another path', () => {
    const log = readKernelLog(
      '0: (b7) r0 = 0\n1: (15) if r1 == 0x0 goto pc+1\n2: (95) exit\nfrom 1 to 3: R0=0 R10=fp0\n3: (bf) r0 = r2\nR2 !read_ok\nprocessed 4 insns\n',
      '6.12',
    );
    expect(log.path.map((one) => one.insn)).toEqual([0, 1, 3]);
    expect(log.path[1]!.taken).toBe(true);
    expect(explainRefusal(log).code).toBe('E2105');
  });

  it('takes any text', () => {
    for (const text of ['', 'nothing', '12: (ff) ???\n', ';\n; @\nR1=scalar(umin=zzz)\n', 'processed 0 insns'])
      expect(() => explainRefusal(readKernelLog(text, '6.12'))).not.toThrow();
    expect(readKernelLog('processed 3 insns (limit 1000000)\n', '6.12').refused).toBe(false);
  });
});
