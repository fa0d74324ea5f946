import { ByteReader, type Diagnostic, equalBytes, OutOfBounds, SkepError, utf8Text } from '@skep/base';
import { badHeader, badRecording, truncatedRecording } from '../diagnostics.ts';
import type {
  MemoryPiece,
  RecordedCall,
  RecordedNames,
  RecordedRun,
  RecordedStack,
  RecordedTool,
  RecordingBlock,
  RecordingHeader,
  Variables,
} from '../model.ts';
import { BLOCK, MAGIC, MAX_BLOCK, SPACE, VERSION } from './format.ts';

/** A recording in memory. */
export interface Recording {
  readonly header: RecordingHeader;
  readonly blocks: readonly RecordingBlock[];
  /** E6003 when the file ends in the middle of a block: all before it was read. */
  readonly warnings: readonly Diagnostic[];
}

/**
 * Reads a recording (uncompressed bytes; see {@link gunzip}). Damage at the end costs only what is damaged.
 * Throws E6001 when it is no recording, or of a newer version, and E6002 when a block holds nonsense.
 */
export function decodeRecording(bytes: Uint8Array, name: string): Recording {
  if (bytes.length < MAGIC.length + 1 || !equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) {
    throw new SkepError(badRecording(name, 'it does not start with SKEPREC'));
  }
  const version = bytes[MAGIC.length]!;
  if (version !== VERSION)
    throw new SkepError(badRecording(name, `it has version ${version}, this skep reads ${VERSION}`));
  const reader = new ByteReader(bytes, true, MAGIC.length + 1);
  const blocks: RecordingBlock[] = [];
  const warnings: Diagnostic[] = [];
  while (reader.remaining > 0) {
    const start = reader.offset;
    if (reader.remaining < 8) {
      warnings.push(truncatedRecording(name, start));
      break;
    }
    const type = reader.u32();
    const length = reader.u32();
    if (length > MAX_BLOCK) throw new SkepError(badHeader(name, start, `a block of ${length} bytes`));
    if (length > reader.remaining) {
      warnings.push(truncatedRecording(name, start));
      break;
    }
    const block = decodeBlock(type, reader.slice(length), name, start);
    if (block) blocks.push(block);
  }
  const first = blocks[0];
  if (first?.kind !== 'header') throw new SkepError(badRecording(name, 'its first block is no header'));
  return { header: first.header, blocks, warnings };
}

function decodeBlock(type: number, payload: Uint8Array, name: string, at: number): RecordingBlock | undefined {
  const reader = new ByteReader(payload);
  try {
    switch (type) {
      case BLOCK.header:
        return { kind: 'header', header: header(JSON.parse(utf8Text(payload))) };
      case BLOCK.btf:
        return { kind: 'btf', bytes: payload };
      case BLOCK.hook:
        return { kind: 'hook', hook: { id: reader.u32(), programType: text(reader), section: text(reader) } };
      case BLOCK.run:
        return { kind: 'run', run: run(reader) };
      case BLOCK.lost:
        return { kind: 'lost', count: reader.u64() };
      case BLOCK.interval:
        return { kind: 'interval', time: reader.u64() };
      case BLOCK.tool:
        return { kind: 'tool', tool: tool(JSON.parse(utf8Text(payload))) };
      case BLOCK.names:
        return { kind: 'names', names: record(JSON.parse(utf8Text(payload)), 'the names') as RecordedNames };
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof OutOfBounds || error instanceof SyntaxError || error instanceof TypeError) {
      throw new SkepError(badHeader(name, at, error.message));
    }
    throw error;
  }
}

function header(json: unknown): RecordingHeader {
  const from = json as { [name: string]: unknown };
  const string = (key: string): string => {
    const value = from?.[key];
    if (typeof value !== 'string') throw new TypeError(`the header has no ${key}`);
    return value;
  };
  const clock = (key: string): bigint => {
    const value = string(key);
    if (!/^\d{1,20}$/.test(value)) throw new TypeError(`the header's ${key} is no number`);
    return BigInt(value);
  };
  const command = from?.['command'];
  return {
    release: string('release'),
    machine: string('machine'),
    cpus: Math.min(4096, Math.max(1, Number(from?.['cpus']) || 1)),
    startRealtime: clock('startRealtime'),
    startMonotonic: clock('startMonotonic'),
    globals: variables(from['globals'] ?? {}, 'the header'),
    command: Array.isArray(command) ? command.map(String) : [],
  };
}

function tool(json: unknown): RecordedTool {
  const from = record(json, 'the tool');
  const { name, route, args, programs } = from;
  if (typeof name !== 'string' || typeof route !== 'string') throw new TypeError('the tool has no name or no route');
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
  const options = Object.entries(record(from['options'] ?? {}, "the tool's options")).filter(
    ([, value]) => ['string', 'number', 'boolean'].includes(typeof value) || Array.isArray(value),
  );
  return {
    name,
    route,
    args: texts(args),
    options: Object.fromEntries(options) as RecordedTool['options'],
    globals: variables(from['globals'] ?? {}, 'the tool'),
    programs: texts(programs),
  };
}

function record(json: unknown, what: string): { readonly [name: string]: unknown } {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new TypeError(`${what} are no object`);
  return json as { [name: string]: unknown };
}

function variables(json: unknown, whose: string): Variables {
  const found: { [name: string]: number | readonly number[] } = {};
  const isNumber = (one: unknown) => typeof one === 'number';
  for (const [key, value] of Object.entries(record(json, `${whose}'s variables`))) {
    if (isNumber(value) || (Array.isArray(value) && value.every(isNumber))) found[key] = value as number | number[];
    else throw new TypeError(`${whose}'s value of ${key} is no number`);
  }
  return found;
}

function run(reader: ByteReader): RecordedRun {
  return {
    hook: reader.u32(),
    cpu: reader.u32(),
    time: reader.u64(),
    pidTgid: reader.u64(),
    uidGid: reader.u64(),
    comm: text(reader),
    context: bytes(reader),
    memory: list(reader, 20, piece),
    calls: list(reader, 12, call),
    ...(reader.remaining > 0 && { stacks: list(reader, 12, stack) }),
  };
}

function piece(reader: ByteReader): MemoryPiece {
  const address = reader.u64();
  const space = SPACE[reader.u32()];
  if (space === undefined) throw new TypeError('memory of an unknown address space');
  return { address, space, result: reader.i32(), bytes: bytes(reader) };
}

function call(reader: ByteReader): RecordedCall {
  return { helper: reader.u32(), result: reader.u64() };
}

function stack(reader: ByteReader): RecordedStack {
  return { user: reader.u32() === 1, result: reader.i32(), addresses: list(reader, 8, (from) => from.u64()) };
}

/** `least` is the size of the smallest element: a count that cannot be true is refused before memory is made for it. */
function list<T>(reader: ByteReader, least: number, one: (reader: ByteReader) => T): T[] {
  const count = reader.u32();
  if (count * least > reader.remaining) throw new OutOfBounds(reader.offset, count * least, reader.bytes.length);
  return Array.from({ length: count }, () => one(reader));
}

function bytes(reader: ByteReader): Uint8Array {
  return reader.slice(reader.u32());
}

function text(reader: ByteReader): string {
  return utf8Text(bytes(reader));
}
