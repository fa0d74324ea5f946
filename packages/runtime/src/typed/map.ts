import { SkepError } from '@skep/base';
import type { Btf, BtfId, MapSpec } from '@skep/object';
import { notInThisHome } from '../diagnostics.ts';
import type { HostMap, HostWriter, UpdateMode } from '../host.ts';
import { perCpuTypes } from '../hosts/map-kinds.ts';
import { type Decoder, decoderFor, type Value } from './decode.ts';
import { type Encodable, encode } from './encode.ts';

/**
 * A BPF map as JavaScript knows maps, typed by the BTF of its definition; without BTF, keys and values are bytes. The
 * value of a per-CPU map is an array with one value a CPU. All operations are system calls, or their like in the
 * virtual machine: synchronous, and seen by programs at once.
 */
export class TypedMap implements Iterable<readonly [Value, Value]> {
  readonly name: string;
  readonly spec: MapSpec;
  private readonly host: HostMap;
  private readonly key: Codec;
  private readonly value: Codec;
  private readonly perCpu: boolean;

  constructor(host: HostMap, btf: Btf | undefined) {
    this.host = host;
    this.spec = host.spec;
    this.name = host.spec.name;
    this.key = codec(btf, host.spec.keyType, host.spec.keySize, `a key of ${this.name}`);
    this.value = codec(btf, host.spec.valueType, host.spec.valueSize, `a value of ${this.name}`);
    this.perCpu = perCpuTypes.has(host.spec.type);
  }

  /** The value that maps of maps take for this map. */
  get handle(): number {
    return this.host.handle;
  }

  get(key: Encodable): Value | undefined {
    const bytes = this.host.lookup(this.key.encode(key));
    return bytes === undefined ? undefined : this.decodeValue(bytes);
  }

  has(key: Encodable): boolean {
    return this.host.lookup(this.key.encode(key)) !== undefined;
  }

  /** False when `if` forbids it. Throws E8002 when key or value do not fit, E8009 when the map is full. */
  set(key: Encodable, value: Encodable, options: { readonly if?: 'absent' | 'present' } = {}): boolean {
    const mode: UpdateMode = options.if === 'absent' ? 'ifAbsent' : options.if === 'present' ? 'ifPresent' : 'any';
    return this.host.update(this.key.encode(key), this.encodeValue(value), mode);
  }

  delete(key: Encodable): boolean {
    return this.host.delete(this.key.encode(key));
  }

  /** The key after `key`, the first one without it; undefined after the last. Hash maps start over when `key` is gone. */
  nextKey(key?: Encodable): Value | undefined {
    const next = this.host.nextKey(key === undefined ? undefined : this.key.encode(key));
    return next && this.key.decode(view(next), 0);
  }

  /** Queues and stacks: adds a value. Throws E8009 when it is full. */
  push(value: Encodable): void {
    this.host.push(this.value.encode(value));
  }

  /** Queues and stacks: takes the next value; undefined when there is none. */
  pop(): Value | undefined {
    const bytes = this.host.pop();
    return bytes && this.value.decode(view(bytes), 0);
  }

  /**
   * The writing end of a user ring buffer, to be closed by whoever opened it: what is sent, programs take with
   * `bpf_user_ringbuf_drain` when they run. Throws E8010 in the virtual machine.
   */
  openWriter(): HostWriter {
    if (!this.host.openWriter)
      throw new SkepError(notInThisHome(`writing to \`${this.spec.name}\``, 'virtual machine'));
    return this.host.openWriter();
  }

  /** Makes it outlive the process, as a file on a mounted bpffs. Throws E8010 in the virtual machine. */
  pin(path: string): void {
    if (!this.host.pin) throw new SkepError(notInThisHome(`pinning map \`${this.spec.name}\``, 'virtual machine'));
    this.host.pin(path);
  }

  /** In the order of the kernel's walk; entries that change meanwhile may be missed or seen twice. */
  *[Symbol.iterator](): Iterator<readonly [Value, Value]> {
    if (!this.host.batches) {
      for (const [key, value] of this.host.entries()) yield [this.key.decode(view(key), 0), this.decodeValue(value)];
      return;
    }
    const { keySize } = this.spec;
    const valueBytes = this.host.valueBytes;
    for (const { keys, values, count } of this.host.batches()) {
      const keyView = view(keys);
      const valueView = view(values);
      for (let i = 0; i < count; i++)
        yield [this.key.decode(keyView, i * keySize), this.decodeAt(valueView, i * valueBytes, valueBytes)];
    }
  }

  entries(): (readonly [Value, Value])[] {
    return [...this];
  }

  private decodeValue(bytes: Uint8Array): Value {
    return this.decodeAt(view(bytes), 0, bytes.length);
  }

  private decodeAt(data: DataView, at: number, length: number): Value {
    if (!this.perCpu) return this.value.decode(data, at);
    const stride = (this.spec.valueSize + 7) & ~7;
    return Array.from({ length: length / stride }, (_, cpu) => this.value.decode(data, at + cpu * stride));
  }

  private encodeValue(value: Encodable): Uint8Array {
    if (!this.perCpu) return this.value.encode(value);
    const stride = (this.spec.valueSize + 7) & ~7;
    const cpus = this.host.valueBytes / stride;
    // One value for all CPUs, or one for each.
    const each = Array.isArray(value) ? (value as Encodable[]) : Array.from({ length: cpus }, () => value);
    const out = new Uint8Array(this.host.valueBytes);
    for (const [cpu, one] of each.slice(0, cpus).entries()) out.set(this.value.encode(one), cpu * stride);
    return out;
  }
}

interface Codec {
  readonly decode: Decoder;
  encode(value: Encodable): Uint8Array;
}

function codec(btf: Btf | undefined, type: BtfId, size: number, what: string): Codec {
  if (btf === undefined || type === 0) {
    return {
      decode: (data, at) => Uint8Array.from({ length: size }, (_, i) => data.getUint8(at + i)),
      encode: (value) => {
        if (value instanceof Uint8Array && value.length === size) return value;
        throw new TypeError(`${what} is ${size} bytes: a Uint8Array is wanted, the map has no type information`);
      },
    };
  }
  // Bytes are taken as they are, whatever they are of.
  const slow = (value: Encodable): Uint8Array =>
    value instanceof Uint8Array && value.length === size ? value : encode(btf, type, value, what);
  return { decode: decoderFor(btf, type), encode: smallIntegers(btf, type, slow) };
}

/** Most keys are numbers of at most 32 bits: those that fit need no walk over types. */
function smallIntegers(btf: Btf, type: BtfId, slow: Codec['encode']): Codec['encode'] {
  const int = btf.type(btf.resolve(type));
  if (int.kind !== 'int' || int.size > 4 || int.bits !== int.size * 8 || int.bool || int.char) return slow;
  const { size, bits } = int;
  const least = int.signed ? -(2 ** (bits - 1)) : 0;
  const most = int.signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) return slow(value);
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = value >> (8 * i);
    return bytes;
  };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
