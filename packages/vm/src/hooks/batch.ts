import { SkepError } from '@skep/base';
import type { Machine } from '../machine.ts';
import type { VmProgram } from '../program.ts';
import { HEADROOM, MAX_PACKET, XdpPacket } from './xdp.ts';

/**
 * Many packets in the machine's memory, through an XDP program in one go: the loop over them is compiled code as well,
 * so that a packet costs little more than the program itself.
 *
 * A table in memory has {@link WORDS} words for each packet: where its area starts and its length, which stay, then
 * what the program left: r0, and where the packet starts and ends.
 */
export class PacketBatch {
  /** Packets that it has. */
  count = 0;
  private readonly machine: Machine;
  private readonly packet: XdpPacket;
  private readonly capacity: number;
  private readonly areas: number;
  private readonly bytes: number;
  private readonly table: number;
  private used = 0;
  private words: Int32Array;

  /** Room for so many packets, with so many bytes of memory among them. */
  constructor(machine: Machine, capacity: number, bytes = capacity * 4096) {
    this.machine = machine;
    this.capacity = capacity;
    this.bytes = bytes;
    machine.packet ??= new XdpPacket(machine.memory);
    this.packet = machine.packet;
    this.areas = machine.memory.allocate(bytes);
    this.table = machine.memory.allocate(4 * WORDS * capacity);
    this.words = this.view();
  }

  /** Whether a program can be run on a batch: nothing that it calls needs to be looked after between two packets. */
  static takes(machine: Machine, program: VmProgram): boolean {
    if (program.spec.hook?.programType !== 'BPF_PROG_TYPE_XDP' || machine.observer || machine.engine !== 'jit')
      return false;
    if (program.bounded) return false;
    return machine.compile(program) && program.compiled?.batch !== undefined;
  }

  /** Copies a packet to the end; false when there is no room. Packets have 14 to {@link MAX_PACKET} bytes. */
  add(data: Uint8Array): boolean {
    if (data.length > MAX_PACKET) throw new RangeError(`a packet has at most ${MAX_PACKET} bytes, not ${data.length}`);
    const size = XdpPacket.areaOf(data.length);
    if (this.count === this.capacity || this.used + size > this.bytes) return false;
    const area = this.areas + this.used;
    this.used += size;
    const { words, count } = this;
    if (words.buffer !== this.machine.memory.bytes.buffer) this.words = this.view();
    this.words[WORDS * count] = area;
    this.words[WORDS * count + 1] = data.length;
    this.machine.memory.bytes.set(data, area + HEADROOM);
    this.count += 1;
    return true;
  }

  /**
   * Runs a program that {@link takes} on every packet, in order, each with the whole budget. Gives how many were run: all of them,
   * unless `failed` is the error that stopped it (E4010).
   */
  run(program: VmProgram): { readonly ran: number; readonly failed?: SkepError } {
    const { machine, table, count } = this;
    machine.packet = this.packet;
    try {
      machine.runBatch(program, table, count, this.packet.context);
      return { ran: count };
    } catch (failed) {
      if (!(failed instanceof SkepError)) throw failed;
      const done = machine.memory.view.getUint32(this.packet.context + XdpPacket.CONTEXT_DONE, true);
      return { ran: Math.min(done, count), failed };
    } finally {
      if (this.words.buffer !== machine.memory.bytes.buffer) this.words = this.view();
    }
  }

  /** r0 of a packet, unsigned. */
  verdict(i: number): number {
    return this.words[WORDS * i + 2]! >>> 0;
  }

  /** A copy of a packet as it is now. */
  data(i: number): Uint8Array {
    return this.machine.memory.bytes.slice(this.words[WORDS * i + 3]!, this.words[WORDS * i + 4]!);
  }

  /** Makes room for other packets. */
  clear(): void {
    this.count = 0;
    // Head and tail room start as zeroes, as those of single packets do.
    this.machine.memory.bytes.fill(0, this.areas, this.areas + this.used);
    this.used = 0;
  }

  free(): void {
    this.machine.memory.release(this.areas, this.bytes);
    this.machine.memory.release(this.table, 4 * WORDS * this.capacity);
  }

  private view(): Int32Array {
    return new Int32Array(this.machine.memory.bytes.buffer, this.table, WORDS * this.capacity);
  }
}

/** Words of one packet in the table. */
export const WORDS = 5;
