import { createRequire } from 'node:module';
import { encode, type Insn } from '@skep/object';
import type * as Koffi from 'koffi';

/** Loads plain programs into this machine's kernel and runs them: just what the tests of generated code need. */
export interface Kernel {
  /** Loads a `BPF_PROG_TYPE_SYSCALL` program, runs it once over `context`, which it may write. */
  run(insns: readonly Insn[], context: Uint8Array): RunResult;
  /** Whether the verifier takes the code as a program of the type; the log if not. */
  verify(insns: readonly Insn[], programType: number): { accepted: boolean; log: string };
}
export type RunResult =
  | { readonly accepted: true; readonly result: number }
  | { readonly accepted: false; readonly log: string };

const SYS_BPF = process.arch === 'arm64' ? 280 : 321;
const SYS_CLOSE = process.arch === 'arm64' ? 57 : 3;
const BPF_PROG_LOAD = 5;
const BPF_PROG_TEST_RUN = 10;
const BPF_PROG_TYPE_SYSCALL = 31;
const BPF_F_SLEEPABLE = 16;
const LOG_SIZE = 1 << 20;

/** Undefined with the reason when there is no bpf(2) to use. */
export function openKernel(): Kernel | { readonly unavailable: string } {
  if (process.platform !== 'linux') return { unavailable: `no bpf(2) on ${process.platform}` };
  if (process.getuid?.() !== 0) return { unavailable: 'bpf(2) needs root' };
  let koffi: typeof Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi');
  } catch {
    return { unavailable: 'koffi is not installed' };
  }
  const call = koffi.load(null).func('int64 syscall(int64, int64, int64, int64)');
  const address = (bytes: Uint8Array) => BigInt(koffi.address(bytes));
  const license = new TextEncoder().encode('GPL\0');
  const log = new Uint8Array(LOG_SIZE);
  const bpf = (command: number, fill: (view: DataView) => void) => {
    const attr = new Uint8Array(144);
    const view = new DataView(attr.buffer);
    fill(view);
    const result = Number(call(SYS_BPF, command, Number(address(attr)), attr.length));
    return { result, view };
  };
  const load = (insns: readonly Insn[], type: number, withLog: boolean) => {
    const code = encode([...insns]);
    log[0] = 0;
    return bpf(BPF_PROG_LOAD, (view) => {
      view.setUint32(0, type, true);
      view.setUint32(4, code.length / 8, true);
      view.setBigUint64(8, address(code), true);
      view.setBigUint64(16, address(license), true);
      if (withLog) {
        view.setUint32(24, 1, true);
        view.setUint32(28, LOG_SIZE, true);
        view.setBigUint64(32, address(log), true);
      }
      if (type === BPF_PROG_TYPE_SYSCALL) view.setUint32(44, BPF_F_SLEEPABLE, true);
    }).result;
  };
  const why = (insns: readonly Insn[], type: number) => {
    load(insns, type, true);
    const text = new TextDecoder().decode(log.subarray(0, log.indexOf(0)));
    return text.split('\n').slice(-25).join('\n');
  };
  const probe = load(
    [{ kind: 'alu', op: 'mov', width: 64, dst: 0, src: { kind: 'imm', imm: 0 } }, { kind: 'exit' }],
    BPF_PROG_TYPE_SYSCALL,
    false,
  );
  if (probe < 0) return { unavailable: 'bpf(2) refuses to load programs here' };
  call(SYS_CLOSE, probe, 0, 0);
  return {
    run(insns, context) {
      const fd = load(insns, BPF_PROG_TYPE_SYSCALL, false);
      if (fd < 0) return { accepted: false, log: why(insns, BPF_PROG_TYPE_SYSCALL) };
      try {
        const { result, view } = bpf(BPF_PROG_TEST_RUN, (v) => {
          v.setUint32(0, fd, true);
          v.setUint32(40, context.length, true);
          v.setBigUint64(48, address(context), true);
        });
        if (result < 0) throw new Error('BPF_PROG_TEST_RUN failed');
        return { accepted: true, result: view.getUint32(4, true) };
      } finally {
        call(SYS_CLOSE, fd, 0, 0);
      }
    },
    verify(insns, programType) {
      const fd = load(insns, programType, false);
      if (fd < 0) return { accepted: false, log: why(insns, programType) };
      call(SYS_CLOSE, fd, 0, 0);
      return { accepted: true, log: '' };
    },
  };
}
