import { ByteReader, cString, type Diagnostic, OutOfBounds, SkepError } from '@skep/base';
import { damagedPackets, notScap } from '../diagnostics.ts';
import { gunzip } from '../gzip.ts';
import { sectionOrder } from '../packets/pcapng.ts';

/** A capture of sysdig or Falco: what happened, as its own numbers say it. */
export interface ScapCapture {
  readonly machine: ScapMachine | undefined;
  readonly events: readonly ScapEvent[];
  /** How many blocks there are of each type, also of those that are not looked into: processes, descriptors, users. */
  readonly blocks: ReadonlyMap<number, number>;
  /** E6006 for each damaged place. */
  readonly warnings: readonly Diagnostic[];
}

/** The machine that a `.scap` file was made on; memory in bytes. */
export interface ScapMachine {
  readonly cpus: number;
  readonly memory: bigint;
  readonly maxPid: bigint;
  readonly hostname: string;
}

/** An event of a `.scap` file. */
export interface ScapEvent {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly cpu: number;
  /** Thread. */
  readonly tid: bigint;
  /** Number of `ppm_event_code`: even ones are entries of a call, odd ones its return. */
  readonly type: number;
  readonly direction: 'enter' | 'exit';
  /** 0 unless the block carries flags. */
  readonly flags: number;
  /** The parameters' bytes; their meaning is that of the type. */
  readonly params: readonly Uint8Array[];
}

/** Block types (userspace/libscap/scap_savefile.h of falcosecurity/libs). */
const MACHINE_INFO = 0x201;
const EVENTS: Readonly<Record<number, { readonly flags: boolean; readonly counted: boolean; readonly wide: boolean }>> =
  {
    516: { flags: false, counted: false, wide: false },
    520: { flags: true, counted: false, wide: false },
    534: { flags: false, counted: true, wide: false },
    535: { flags: true, counted: true, wide: false },
    545: { flags: false, counted: true, wide: true },
    546: { flags: true, counted: true, wide: true },
  };

/** Reads a `.scap` file, compressed with gzip or not. Throws E6004, E6007; damage costs what is damaged. */
export async function readScap(bytes: Uint8Array, name: string): Promise<ScapCapture> {
  const { bytes: plain, complete } = await gunzip(bytes, name);
  const littleEndian = sectionOrder(plain, 0);
  if (littleEndian === undefined) throw new SkepError(notScap(name, 'it does not start as one'));
  const events: ScapEvent[] = [];
  const warnings: Diagnostic[] = [];
  const blocks = new Map<number, number>();
  let machine: ScapMachine | undefined;
  const damaged = (at: number, why: string, what: string) => warnings.push(damagedPackets(name, at, why, what));
  let at = 0;
  while (at < plain.length) {
    const reader = new ByteReader(plain, littleEndian, at);
    if (reader.remaining < 12) {
      damaged(at, 'it ends in the middle of a block', `${events.length} events before it were read`);
      break;
    }
    const type = reader.u32();
    const length = reader.u32();
    if (length < 12 || length > plain.length - at) {
      const why = length < 12 ? `a block of ${length} bytes` : 'it ends in the middle of a block';
      damaged(at, why, `${events.length} events before it were read`);
      break;
    }
    const body = new ByteReader(plain.subarray(at + 8, at + length - 4), littleEndian);
    if (type >>> 0 !== 0x0a0d0d0a && (type < 0x200 || type > 0x2ff) && blocks.size <= 1)
      throw new SkepError(notScap(name, `it holds blocks of type 0x${type.toString(16)}: is it a file of packets?`));
    blocks.set(type, (blocks.get(type) ?? 0) + 1);
    try {
      const shape = EVENTS[type];
      if (shape) events.push(eventOf(body, shape));
      else if (type === MACHINE_INFO) machine = machineOf(body);
    } catch (error) {
      if (!(error instanceof OutOfBounds)) throw error;
      damaged(at, 'a block is shorter than what it says it holds', 'the block was left out');
    }
    at += length;
  }
  if (!complete && warnings.length === 0)
    damaged(plain.length, 'its compressed bytes break off', `${events.length} events before it were read`);
  return { machine, events, blocks, warnings };
}

function eventOf(body: ByteReader, shape: (typeof EVENTS)[number]): ScapEvent {
  const cpu = body.u16();
  const flags = shape.flags ? body.u32() : 0;
  const start = body.offset;
  const time = body.u64();
  const tid = body.u64();
  const length = body.u32();
  const type = body.u16();
  const counted = shape.counted ? body.u32() : undefined;
  const header = body.offset - start;
  // The length is that of the event with its header; blocks are padded behind it.
  const payload = new ByteReader(body.slice(Math.min(length - header, body.remaining)), body.littleEndian);
  const width = shape.wide ? 4 : 2;
  const count = counted ?? countOf(payload, width);
  if (count * width > payload.remaining) throw new OutOfBounds(payload.offset, count * width, payload.remaining);
  const lengths = Array.from({ length: count }, () => (width === 4 ? payload.u32() : payload.u16()));
  const params = lengths.map((size) => payload.slice(size));
  return { time, cpu, tid, type, direction: type % 2 === 0 ? 'enter' : 'exit', flags, params };
}

/** Old events do not say how many parameters they have: so many lengths that the rest is what they add up to. */
function countOf(payload: ByteReader, width: number): number {
  const lengths = new ByteReader(payload.bytes.subarray(payload.offset), payload.littleEndian);
  const total = lengths.remaining;
  let sum = 0;
  for (let count = 0; count * width <= total; count++) {
    if (count * width + sum === total) return count;
    if (lengths.remaining < width) break;
    sum += width === 4 ? lengths.u32() : lengths.u16();
  }
  return 0;
}

function machineOf(body: ByteReader): ScapMachine {
  const cpus = body.u32();
  const memory = body.u64();
  const maxPid = body.u64();
  return { cpus, memory, maxPid, hostname: cString(body.slice(Math.min(128, body.remaining))) };
}
