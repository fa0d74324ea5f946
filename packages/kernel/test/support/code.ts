import { type AccessSize, encode, type Insn, imm, type JumpOp, reg } from '@skep/object';

/** Programs of these tests, by hand: a few instructions each. Register 10 is the frame. */
export const code = (...insns: readonly Insn[]): Uint8Array => encode(insns);

export const set = (dst: number, value: number): Insn => ({ kind: 'alu', op: 'mov', width: 64, dst, src: imm(value) });
export const move = (dst: number, src: number): Insn => ({ kind: 'alu', op: 'mov', width: 64, dst, src: reg(src) });
export const shiftRight = (dst: number, bits: number): Insn => ({
  kind: 'alu',
  op: 'rsh',
  width: 64,
  dst,
  src: imm(bits),
});
export const call = (id: number): Insn => ({ kind: 'call', target: { kind: 'helper', id } });
export const exit: Insn = { kind: 'exit' };
export const mapFd = (dst: number, fd: number): Insn => ({ kind: 'ld_imm64', dst, imm: { kind: 'map_fd', fd } });
export const mapValue = (dst: number, fd: number, offset = 0): Insn => ({
  kind: 'ld_imm64',
  dst,
  imm: { kind: 'map_value', fd, offset },
});
export const ld64 = (dst: number, value: bigint): Insn => ({
  kind: 'ld_imm64',
  dst,
  imm: { kind: 'value', value },
});
export const load = (size: AccessSize, dst: number, src: number, off = 0): Insn => ({
  kind: 'load',
  size,
  signed: false,
  dst,
  src,
  off,
});
export const store = (size: AccessSize, dst: number, off: number, src: number): Insn => ({
  kind: 'store',
  size,
  dst,
  off,
  src: reg(src),
});
/** `src` receives what was there before. */
export const fetchAdd = (dst: number, off: number, src: number): Insn => ({
  kind: 'atomic',
  op: 'add',
  fetch: true,
  size: 8,
  dst,
  off,
  src,
});
/** `off` in slots of eight bytes; loads of maps take two. */
export const jump = (op: JumpOp, dst: number, value: number, off: number): Insn => ({
  kind: 'jump',
  op,
  width: 64,
  dst,
  src: imm(value),
  off,
});

export const HELPER = {
  get_current_pid_tgid: 14,
  perf_event_output: 25,
  ringbuf_reserve: 131,
  ringbuf_submit: 132,
  ringbuf_discard: 133,
  get_attach_cookie: 174,
} as const;

/** `r0 = value; exit` */
export const returns = (value: number): Uint8Array => code(set(0, value), exit);

/**
 * Submits one record `{u64 sequence, u64 constant}` a run. `counters` is an array map with one value
 * `{u64 submitted, u64 refused}`.
 */
export function ringWriter(ring: number, counters: number, constant = 0x5ee9, size = 16): Uint8Array {
  return code(
    mapValue(6, counters),
    mapFd(1, ring),
    set(2, size),
    set(3, 0),
    call(HELPER.ringbuf_reserve),
    jump('eq', 0, 0, 11),
    move(7, 0),
    set(1, 1),
    fetchAdd(6, 0, 1),
    store(8, 7, 0, 1),
    set(1, constant),
    store(8, 7, 8, 1),
    move(1, 7),
    set(2, 0),
    call(HELPER.ringbuf_submit),
    set(0, 2),
    exit,
    set(1, 1),
    fetchAdd(6, 8, 1),
    set(0, 2),
    exit,
  );
}

/** Sends one record of `size` bytes a run, `{u64 sequence, zeros}`; counters as for {@link ringWriter}. XDP or tc. */
export function perfWriter(events: number, counters: number, size = 16): Uint8Array {
  const slots = Math.ceil(size / 8);
  return code(
    move(8, 1),
    mapValue(6, counters),
    set(1, 0),
    ...Array.from({ length: slots }, (_, i) => store(8, 10, -8 * (i + 1), 1)),
    load(8, 1, 6),
    store(8, 10, -8 * slots, 1),
    move(1, 8),
    mapFd(2, events),
    ld64(3, 0xffff_ffffn), // BPF_F_CURRENT_CPU
    move(4, 10),
    { kind: 'alu', op: 'add', width: 64, dst: 4, src: imm(-8 * slots) },
    set(5, size),
    call(HELPER.perf_event_output),
    jump('ne', 0, 0, 5),
    load(8, 1, 6),
    { kind: 'alu', op: 'add', width: 64, dst: 1, src: imm(1) },
    store(8, 6, 0, 1),
    set(0, 2),
    exit,
    load(8, 1, 6, 8),
    { kind: 'alu', op: 'add', width: 64, dst: 1, src: imm(1) },
    store(8, 6, 8, 1),
    set(0, 2),
    exit,
  );
}

/** Counts all runs in the first eight bytes of `counter`, and returns `result`. */
export function countAll(counter: number, result: number): Uint8Array {
  return code(...counted(counter), set(0, result), exit);
}

/** One more in the first eight bytes of `counter`: four slots. Atomics that fetch came with 5.12. */
export const counted = (counter: number): Insn[] => [
  mapValue(1, counter),
  set(2, 1),
  { ...fetchAdd(1, 0, 2), fetch: false } as Insn,
];

/** Counts runs in the first eight bytes of `counter`, when process `pid` is the current one, and returns `result`; 0 otherwise. */
export function countFor(pid: number, counter: number, result = 0): Uint8Array {
  return code(
    call(HELPER.get_current_pid_tgid),
    shiftRight(0, 32),
    jump('ne', 0, pid, 6),
    ...counted(counter),
    set(0, result),
    exit,
    set(0, 0),
    exit,
  );
}
