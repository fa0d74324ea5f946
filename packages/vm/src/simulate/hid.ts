import { E2BIG, EINVAL } from '../errno.ts';
import type { StructOps } from '../hooks/struct-ops.ts';
import type { Machine } from '../machine.ts';

/** What the device is like. */
export interface HidDeviceOptions {
  readonly id?: number;
  /** What the device says of its reports. */
  readonly descriptor?: Uint8Array;
  /** Bytes of its longest report: 64. */
  readonly longest?: number;
  /** Answers what programs ask of the hardware (`hid_bpf_hw_request`), in place: bytes of the report, or an error number. */
  readonly hardware?: (report: Uint8Array, type: number, request: number) => number;
}

/**
 * An input device whose reports go through the programs of `struct hid_bpf_ops`, as drivers/hid/bpf/hid_bpf_dispatch.c
 * hands them on: `hid_device_event` may change a report, its length, or drop it; `hid_rdesc_fixup` the descriptor.
 */
export class SimulatedHid {
  private readonly machine: Machine;
  private readonly ops: StructOps;
  private readonly options: HidDeviceOptions;
  private readonly context: bigint;
  /** Where the bytes lie that programs ask for, and how many there is room for. */
  private readonly data: number;
  private readonly room: number;
  /** Reports that programs sent by themselves (`hid_bpf_input_report`), and what they sent to the device. */
  readonly injected: Uint8Array[] = [];
  readonly sent: Uint8Array[] = [];

  constructor(machine: Machine, ops: StructOps, options: HidDeviceOptions = {}) {
    this.machine = machine;
    this.ops = ops;
    this.options = options;
    // Rounded as the kernel does (hid_bpf_allocate_event_data), with room for what may be more of a descriptor.
    this.room = Math.max(64 * Math.ceil((options.longest ?? 64) / 64), DESCRIPTOR);
    this.data = machine.memory.allocate(this.room);
    const hid = ops.types.find('hid_device', 'struct') ? ops.object('hid_device', {}) : 0n;
    this.context = ops.object('hid_bpf_ctx', { hid });
    machine.hid = this;
  }

  /** A report from the device, as it comes out; undefined when a program dropped it. `type` 0 is an input report. */
  report(bytes: Uint8Array, type = 0): Uint8Array | undefined {
    const longest = 64 * Math.ceil((this.options.longest ?? 64) / 64);
    const result = this.call('hid_device_event', bytes, longest, BigInt(type), 0n);
    if (result < 0 || result > longest) return undefined;
    return this.bytes(result === 0 ? bytes.length : result);
  }

  /** The descriptor as the kernel would parse it. */
  descriptor(): Uint8Array {
    const bytes = this.options.descriptor ?? new Uint8Array();
    const result = this.call('hid_rdesc_fixup', bytes, DESCRIPTOR);
    return result > 0 && result <= DESCRIPTOR ? this.bytes(result) : bytes;
  }

  /** `hid_bpf_get_data`: the address of bytes of the report, or 0. */
  dataAt(context: bigint, offset: number, size: number): number {
    return context === this.context && offset + size <= this.allocated() ? this.data + offset : 0;
  }

  get address(): bigint {
    return this.context;
  }
  get id(): number {
    return this.options.id ?? 1;
  }

  /** What the hardware says to a request: how many bytes, or an error number. */
  request(report: Uint8Array, type: number, request: number): number {
    if (report.length > DESCRIPTOR) return E2BIG;
    return this.options.hardware?.(report, type, request) ?? EINVAL;
  }

  private call(member: string, bytes: Uint8Array, allocated: number, ...more: readonly bigint[]): number {
    const { memory } = this.machine;
    memory.bytes.fill(0, this.data, this.data + this.room);
    memory.bytes.set(bytes.subarray(0, allocated), this.data);
    this.setContext(allocated, Math.min(bytes.length, allocated));
    if (!this.ops.has(member)) return 0;
    return Number(this.ops.callKnown(member, this.context, ...more) ?? 0);
  }

  /** `struct hid_bpf_ctx`: the device, how many bytes there is room for, how many there are. */
  private setContext(allocated: number, size: number): void {
    const { view } = this.machine.memory;
    view.setUint32(Number(this.context) + ALLOCATED, allocated, true);
    view.setInt32(Number(this.context) + ALLOCATED + 4, size, true);
  }

  private allocated(): number {
    return this.machine.memory.view.getUint32(Number(this.context) + ALLOCATED, true);
  }

  private bytes(length: number): Uint8Array {
    return this.machine.memory.bytes.slice(this.data, this.data + length);
  }
}

/** Behind the pointer to the device (include/linux/hid_bpf.h). */
const ALLOCATED = 8;
/** `HID_MAX_DESCRIPTOR_SIZE`. */
const DESCRIPTOR = 4096;
