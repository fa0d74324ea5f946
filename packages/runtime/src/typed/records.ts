import type { Btf, BtfId } from '@skep/object';
import type { BatchOptions, HostRecords, RawBatch, RecordView } from '../host.ts';
import { type BatchDecoder, batchDecoderFor, type Decoder, decoderFor, type Value } from './decode.ts';
import { type FieldInfo, fieldsOf } from './fields.ts';

/** A struct that programs send. */
export interface RecordType {
  /** `event` of `struct event`. */
  readonly name: string;
  readonly type: BtfId;
  /** Bytes. */
  readonly size: number;
  readonly fields: readonly FieldInfo[];
}

/**
 * What programs send through a ring buffer or perf event array, decoded. Batches are the primitive: one wake-up, many
 * records. What is not taken stays where it is, and programs lose records when there is no room left.
 */
export class Records {
  readonly name: string;
  readonly types: readonly RecordType[];
  private readonly host: HostRecords;
  private readonly counted: () => number;
  private readonly btf: Btf | undefined;
  private made: Decoders | undefined;

  /** @param counted of the programs that count what they could not send */
  constructor(
    name: string,
    host: HostRecords,
    btf: Btf | undefined,
    types: readonly BtfId[],
    counted: () => number = () => 0,
  ) {
    this.name = name;
    this.host = host;
    this.counted = counted;
    this.types = btf === undefined ? [] : types.map((type) => describe(btf, type));
    this.btf = btf;
  }

  /** Records that were dropped for want of room: perf buffers always, ring buffers of a {@link Spec.countingLost}. */
  get lost(): number {
    return this.host.lost + this.counted();
  }

  /** Bytes that wait to be read; undefined where the host does not tell. */
  get pending(): number | undefined {
    return this.host.pending;
  }

  /** Calls `take` for every record that is there, at most `max`; gives their number. Does not wait. */
  drain(take: (record: Value) => void, max = 1024): number {
    const { host } = this;
    const { decodeBatch } = this.decoders;
    if (host.walk) return host.walk(decodeBatch, take, max);
    return host.drain((view, offset, length) => take(this.decode(view, offset, length)), max);
  }

  /** The same without decoding; nothing of the view is to be kept. */
  drainRaw(take: (view: RecordView, offset: number, length: number) => void, max = Number.POSITIVE_INFINITY): number {
    return this.host.drain(take, max);
  }

  /**
   * The same, many at once: what costs least of all. Undefined where records do not lie in one memory: perf buffers, and
   * the virtual machine.
   */
  get drainBatches(): ((take: (batch: RawBatch) => void, max?: number) => number) | undefined {
    const { host } = this;
    return host.drainBatches && ((take, max = Number.POSITIVE_INFINITY) => host.drainBatches!(take, max));
  }

  /**
   * Batches of at most `max` records, as they come, until the signal is given; then what is left. In the virtual machine they
   * play the recording, unless somebody calls the host's `replay`, and end with it.
   */
  async *batches(
    options: { readonly signal?: AbortSignal; readonly max?: number } = {},
  ): AsyncGenerator<Value[], void, undefined> {
    const { signal, max = 1024 } = options;
    const { decodeBatch } = this.decoders;
    const decode = (view: RecordView, offset: number, length: number) => this.decode(view, offset, length);
    yield* this.host.batches({ decode, decodeBatch, signal, max });
    for (;;) {
      const rest: Value[] = [];
      this.drain((record) => rest.push(record), max);
      if (rest.length === 0) return;
      yield rest;
    }
  }

  /** Batches of what `decode` makes of each record where it lies, until the signal is given. */
  batchesRaw<T>(options: BatchOptions<T>): AsyncGenerator<T[], void, undefined> {
    return this.host.batches(options);
  }

  /** One record at a time: simpler, and several times as dear as {@link batches}. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Value, void, undefined> {
    for await (const batch of this.batches()) yield* batch;
  }

  close(): void {
    this.host.close();
  }

  /** Generated when the first record is read. */
  private get decoders(): Decoders {
    this.made ??= {
      single: this.types.map(({ size, type }) => ({
        size,
        // Perf buffers pad records to a multiple of 8 bytes less 4.
        padded: Math.ceil((size + 4) / 8) * 8 - 4,
        decode: decoderFor(this.btf!, type),
      })),
      decodeBatch: batchDecoderFor(this.btf!, this.types, (view, at, length) => this.decode(view, at, length)),
    };
    return this.made;
  }

  /** By its size where a ring has records of several types; bytes when none fits. */
  private decode(view: RecordView, offset: number, length: number): Value {
    const { single } = this.decoders;
    for (let i = 0; i < single.length; i++) {
      const one = single[i]!;
      if (length === one.size || length === one.padded || (single.length === 1 && length >= one.size))
        return one.decode(view, offset);
    }
    const bytes = copy(view, offset, length);
    const [only] = single;
    if (single.length !== 1 || length === 0) return bytes;
    // Programs send less than the whole where the end is not used: what was not sent reads as zeros.
    const whole = new Uint8Array(only!.size);
    whole.set(bytes);
    return only!.decode(new DataView(whole.buffer), 0);
  }
}

/** Whole memory at once where it is there as such; byte by byte costs more than what a program does to send it. */
function copy(view: RecordView, offset: number, length: number): Uint8Array {
  if (view.copy) return view.copy(offset, length);
  if (view instanceof DataView)
    return new Uint8Array(
      view.buffer.slice(view.byteOffset + offset, view.byteOffset + offset + length) as ArrayBuffer,
    );
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = view.getUint8(offset + i);
  return bytes;
}

interface Decoders {
  readonly single: readonly { readonly size: number; readonly padded: number; readonly decode: Decoder }[];
  readonly decodeBatch: BatchDecoder;
}

function describe(btf: Btf, type: BtfId): RecordType {
  const resolved = btf.type(btf.resolve(type));
  return {
    name: 'name' in resolved ? resolved.name : '',
    type,
    size: btf.sizeOf(type),
    fields: fieldsOf(btf, type),
  };
}

/** How the compiler marks what goes through a ring: a declaration tag on the map's variable. */
const TAG = 'record:';

/**
 * The types of the records of a ring buffer or perf event array: from the tags that skep's compiler leaves on the map
 * (`record:struct event`), or from a `value` type in the map's definition.
 */
export function recordTypesOf(
  btf: Btf | undefined,
  map: { readonly name: string; readonly valueType: BtfId },
): BtfId[] {
  if (btf === undefined) return [];
  const found: BtfId[] = [];
  for (let id = 1; id < btf.count; id++) {
    const tag = btf.type(id);
    if (tag.kind !== 'decl_tag' || tag.component !== -1 || !tag.name.startsWith(TAG)) continue;
    const target = btf.type(tag.type);
    if (target.kind !== 'var' || target.name !== map.name) continue;
    const [kind, name] = tag.name.slice(TAG.length).split(' ');
    const type =
      name === undefined ? btf.find(kind!, 'typedef') : btf.find(name, kind === 'union' ? 'union' : 'struct');
    if (type !== undefined) found.push(type);
  }
  if (found.length === 0 && map.valueType !== 0) {
    const value = btf.type(btf.resolve(map.valueType));
    if (value.kind === 'struct' || value.kind === 'union') found.push(map.valueType);
  }
  return found;
}
