import type { MapSpec, ProgramSpec } from '@skep/object';
import { unsupportedHook } from './diagnostics.ts';
import { Fault } from './fault.ts';
import type { Helper } from './helpers/helper.ts';
import { helpers } from './helpers/index.ts';
import type { XdpPacket } from './hooks/xdp.ts';
import { interpret } from './interpreter.ts';
import { createMap } from './maps/create.ts';
import type { VmMap } from './maps/map.ts';
import { Memory } from './memory.ts';
import { CALLBACK, faultError, loadProgram, type VmProgram } from './program.ts';
import { SimulatedWorld, type World } from './world.ts';

export interface MachineOptions {
  /** How many CPUs per-CPU maps have; 1 when not given. */
  readonly cpus?: number;
  /** Instructions that one run may take; the kernel's verifier bounds them, here a number does. */
  readonly budget?: number;
}

/**
 * One virtual machine: a memory, maps, programs and the world that helpers ask. Programs run one at a time.
 * Nothing that a program does can reach beyond it, whatever its bytes are.
 */
export class Machine {
  readonly memory = new Memory();
  readonly cpus: number;
  readonly budget: number;
  readonly helpers: readonly (Helper | undefined)[] = helpers;
  readonly mapsByAddress = new Map<number, VmMap>();
  /** Eight bytes that loads of recorded kernel memory pass through. */
  readonly scratch: number;
  world: World = new SimulatedWorld();
  /** What `bpf_trace_printk` wrote; without line breaks added. */
  onTrace: ((text: string) => void) | undefined;
  /** The packet that an XDP program runs on. */
  packet: XdpPacket | undefined;
  /** Instructions left of the current run. */
  fuel = 0;
  /** Runs inside runs (callbacks). */
  nesting = 0;
  private running: VmProgram | undefined;
  private readonly registers: Int32Array[] = [];

  constructor(options: MachineOptions = {}) {
    this.cpus = options.cpus ?? 1;
    this.budget = options.budget ?? 64_000_000;
    this.scratch = this.memory.allocate(8);
  }

  createMap(spec: MapSpec): VmMap {
    const map = createMap(this.memory, spec, this.cpus);
    this.mapsByAddress.set(map.address, map);
    return map;
  }

  loadProgram(spec: ProgramSpec, maps: ReadonlyMap<string, VmMap>): VmProgram {
    return loadProgram(this, spec, maps);
  }

  /**
   * Runs a program on the context at an offset of memory; gives r0 as a signed 32-bit number, which is what hooks look
   * at. Throws E4010 when the program does what the verifier would have refused.
   */
  run(program: VmProgram, context: number): number {
    const registers = this.registersFor(this.nesting);
    registers[2] = context;
    registers[3] = 0;
    this.fuel = this.budget;
    this.running = program;
    try {
      interpret(this, program.code, 0, registers);
    } catch (error) {
      throw error instanceof Fault ? faultError(program, error) : error;
    }
    return registers[0]!;
  }

  /** Runs a callback of the running program on arguments (halves of r1, r2, …); gives the low half of r0. */
  callback(slot: number, kind: number, args: readonly number[]): number {
    if (kind !== CALLBACK || this.running === undefined)
      throw new Fault('call', 'it passes what is no function as a callback');
    const registers = this.registersFor(this.nesting);
    for (let i = 0; i < args.length; i++) registers[2 + i] = args[i]!;
    interpret(this, this.running.code, slot, registers);
    return registers[0]!;
  }

  /** Registers of one nesting of runs, kept for the next. */
  private registersFor(nesting: number): Int32Array {
    let registers = this.registers[nesting];
    if (registers === undefined) {
      registers = new Int32Array(22);
      this.registers[nesting] = registers;
    }
    registers.fill(0);
    return registers;
  }
}

/** Refuses programs whose hook no recording holds. */
export function requireHook(spec: ProgramSpec): string {
  if (spec.hook === undefined) throw unsupportedHook(spec.name, spec.section);
  return hookKey(spec.section);
}

/** One spelling for sections that mean the same: `tp/x` and `tracepoint/x`, `raw_tp/x` and `raw_tracepoint/x`. */
export function hookKey(section: string): string {
  return section
    .replace(/^\?/, '')
    .replace(/^tp\//, 'tracepoint/')
    .replace(/^raw_tracepoint\//, 'raw_tp/');
}
