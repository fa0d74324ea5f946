import { badTestRun } from './diagnostics.ts';
import { MAX_PACKET, XdpPacket } from './hooks/xdp.ts';
import type { Machine } from './machine.ts';
import type { VmProgram } from './program.ts';

export interface TestRunOptions {
  /** The packet, for XDP. */
  readonly data?: Uint8Array;
  /** The context, byte for byte, for everything else. */
  readonly context?: Uint8Array;
  readonly repeat?: number;
}

export interface TestRunResult {
  /** r0, as unsigned 32-bit number. */
  readonly retval: number;
  /** The packet as the last run left it. */
  readonly dataOut: Uint8Array | undefined;
  readonly contextOut: Uint8Array | undefined;
  /** Average over all runs. */
  readonly nsPerRun: number;
}

/** What `BPF_PROG_TEST_RUN` does in the kernel, for any program whose context is given. Throws E4007, E4010. */
export function testRun(machine: Machine, program: VmProgram, options: TestRunOptions): TestRunResult {
  const repeat = options.repeat ?? 1;
  if (!Number.isInteger(repeat) || repeat < 1)
    throw badTestRun(program.spec.name, `it cannot be repeated ${repeat} times`);
  return program.spec.hook?.programType === 'BPF_PROG_TYPE_XDP'
    ? packetRun(machine, program, options.data ?? new Uint8Array(64), repeat)
    : contextRun(machine, program, options.context, repeat);
}

function packetRun(machine: Machine, program: VmProgram, data: Uint8Array, repeat: number): TestRunResult {
  const { name } = program.spec;
  if (data.length < 14)
    throw badTestRun(name, `a packet has at least 14 bytes (an Ethernet header), not ${data.length}`);
  if (data.length > MAX_PACKET) throw badTestRun(name, `a packet has at most ${MAX_PACKET} bytes, not ${data.length}`);
  machine.packet ??= new XdpPacket(machine.memory);
  const packet = machine.packet;
  packet.fill(data, 1, 0);
  const { retval, nsPerRun } = timed(machine, program, packet.context, repeat);
  return { retval, nsPerRun, dataOut: packet.bytes(), contextOut: undefined };
}

function contextRun(
  machine: Machine,
  program: VmProgram,
  context: Uint8Array | undefined,
  repeat: number,
): TestRunResult {
  const bytes = context ?? new Uint8Array(64);
  const at = machine.memory.allocate(bytes.length);
  machine.memory.bytes.set(bytes, at);
  try {
    const { retval, nsPerRun } = timed(machine, program, at, repeat);
    return { retval, nsPerRun, dataOut: undefined, contextOut: machine.memory.bytes.slice(at, at + bytes.length) };
  } finally {
    machine.memory.release(at, bytes.length);
  }
}

function timed(
  machine: Machine,
  program: VmProgram,
  context: number,
  repeat: number,
): { retval: number; nsPerRun: number } {
  const start = performance.now();
  let r0 = 0;
  for (let i = 0; i < repeat; i++) r0 = machine.run(program, context);
  return { retval: r0 >>> 0, nsPerRun: ((performance.now() - start) * 1e6) / repeat };
}
