import type { ProgramSpec } from '@skep/object';
import {
  type Attachment,
  hookKey,
  type Machine,
  PacketBatch,
  requireHook,
  testRun,
  type VmProgram,
  xdpPacket,
} from '@skep/vm';
import type { AttachOptions, HostLink, HostProgram, HostTestResult, HostTestRun, TakePacket } from '../host.ts';

/** A program that the virtual machine has loaded. */
export class VmHostProgram implements HostProgram {
  private readonly machine: Machine;
  private readonly program: VmProgram;
  private readonly order: number;
  private readonly attachments: Set<Attachment>;
  private batch: PacketBatch | undefined;

  constructor(machine: Machine, program: VmProgram, order: number, attachments: Set<Attachment>) {
    this.machine = machine;
    this.program = program;
    this.order = order;
    this.attachments = attachments;
  }

  get spec(): ProgramSpec {
    return this.program.spec;
  }

  attach(options: AttachOptions = {}): HostLink {
    const hook = options.hook === undefined ? requireHook(this.spec) : hookKey(options.hook);
    const attachment: Attachment = { program: this.program, hook, order: this.order };
    this.attachments.add(attachment);
    return { via: `recording of ${hookKey(this.spec.section)}`, close: () => this.attachments.delete(attachment) };
  }

  testRun(options: HostTestRun): HostTestResult {
    const result = testRun(this.machine, this.program, {
      ...(options.data && { data: options.data }),
      ...(options.context && { context: options.context }),
      ...(options.repeat !== undefined && { repeat: options.repeat }),
      ...(options.socket && { socket: options.socket }),
      ...(options.hook && { hook: options.hook }),
    });
    const { retval, dataOut, nsPerRun, outcome } = result;
    return {
      retval,
      dataOut,
      contextOut: options.context && result.contextOut,
      nsPerRun,
      outcome,
      get fields() {
        return result.fields;
      },
    };
  }

  packet(data: Uint8Array): { readonly retval: number; readonly dataOut: Uint8Array } {
    if (this.spec.hook?.programType !== 'BPF_PROG_TYPE_XDP') {
      const { retval, dataOut } = testRun(this.machine, this.program, { data });
      return { retval, dataOut: dataOut! };
    }
    return xdpPacket(this.machine, this.program, data);
  }

  packets(data: readonly Uint8Array[], take: TakePacket): boolean {
    const { machine, program } = this;
    if (!PacketBatch.takes(machine, program)) return false;
    this.batch ??= new PacketBatch(machine, BATCH);
    const { batch } = this;
    for (let at = 0; at < data.length; ) {
      batch.clear();
      const first = at;
      while (at < data.length && batch.add(data[at]!)) at += 1;
      const { ran, failed } = batch.run(program);
      for (let i = 0; i < ran; i++) take(first + i, batch.verdict(i), () => batch.data(i));
      if (failed !== undefined) throw failed;
    }
    return true;
  }

  get handle(): number {
    return this.machine.objects.numberOf(this.program);
  }

  stats(): undefined {
    return undefined;
  }
}

/** Packets that lie in the machine's memory at once. */
const BATCH = 64;
