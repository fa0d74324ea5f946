import { type AttachTypeName, type Context, contextOf, type ProgTypeName, PT_REGS, uapiRecord } from '@skep/abi';
import type { HookSpec } from '@skep/object';
import { type Fields, readFields, writeFields } from './fields.ts';
import { encodeTraceRecord, parseTraceFormat } from './trace-format.ts';

/**
 * A context as plain values. Of a UAPI struct: its members by name. Of `pt_regs`: registers by the kernel's names, and
 * `args` for those of a call. Of raw tracepoints, fentry, LSM and the like: `args`, and `ret` behind them. Of a
 * tracepoint: `format`, the text of its format file, and `fields`.
 */
export interface PlainContext {
  readonly [name: string]: unknown;
}

/** The context that programs of a hook get; undefined where only the caller knows. */
export function layoutOf(hook: HookSpec | undefined): Context | undefined {
  return hook && contextOf(hook.programType as ProgTypeName, hook.attachType as AttachTypeName | undefined);
}

/** Bytes of a plain context. Throws a RangeError that says which name is wrong, or that only bytes will do. */
export function encodeContext(hook: HookSpec | undefined, plain: PlainContext): Uint8Array {
  const layout = layoutOf(hook)?.layout;
  switch (layout?.kind) {
    case 'uapi': {
      const record = uapiRecord(layout.struct)!;
      const bytes = new Uint8Array(record.size);
      writeFields(new DataView(bytes.buffer), 0, record, plain as Fields);
      return bytes;
    }
    case 'pt_regs':
      return registers(plain, PT_REGS.x86_64.size);
    case 'perf_event': {
      const { sample_period: period = 0, addr = 0, ...rest } = plain;
      const bytes = registers(rest, PT_REGS.x86_64.size + 16);
      set64(bytes, PT_REGS.x86_64.size, period);
      set64(bytes, PT_REGS.x86_64.size + 8, addr);
      return bytes;
    }
    case 'args': {
      const { args = [], ret, ...rest } = plain as { args?: readonly unknown[]; ret?: unknown };
      refuse(Object.keys(rest), 'args, ret');
      const slots = ret === undefined ? args : [...args, ret];
      const bytes = new Uint8Array(8 * Math.max(1, slots.length));
      for (const [i, value] of slots.entries()) set64(bytes, 8 * i, value);
      return bytes;
    }
    case 'trace_record': {
      const { format, fields = {}, ...rest } = plain as { format?: unknown; fields?: object };
      refuse(Object.keys(rest), 'format, fields');
      if (typeof format !== 'string')
        throw new RangeError('the context of a tracepoint needs `format`, the text of its format file');
      return encodeTraceRecord(parseTraceFormat(format), fields as Parameters<typeof encodeTraceRecord>[1]);
    }
    default:
      throw new RangeError('the context of this type of program can only be given as bytes');
  }
}

/** A context as plain values again, for those that are records of the UAPI. */
export function decodeContext(hook: HookSpec | undefined, bytes: Uint8Array): Fields | undefined {
  const layout = layoutOf(hook)?.layout;
  if (layout?.kind !== 'uapi') return undefined;
  const record = uapiRecord(layout.struct)!;
  const whole = new Uint8Array(record.size);
  whole.set(bytes.subarray(0, record.size));
  return readFields(new DataView(whole.buffer), 0, record);
}

/** Bytes of the context when none is given. */
export function contextSize(hook: HookSpec | undefined): number {
  const layout = layoutOf(hook)?.layout;
  if (layout?.kind === 'uapi') return uapiRecord(layout.struct)!.size;
  if (layout?.kind === 'pt_regs') return PT_REGS.x86_64.size;
  if (layout?.kind === 'perf_event') return PT_REGS.x86_64.size + 16;
  return layout?.kind === 'args' ? 96 : 64;
}

function registers(plain: PlainContext, size: number): Uint8Array {
  const { args = [], ...rest } = plain as { args?: readonly unknown[] };
  const bytes = new Uint8Array(size);
  const { offsets, args: order } = PT_REGS.x86_64;
  for (const [i, value] of args.entries()) {
    const name = order[i];
    if (name === undefined)
      throw new RangeError(`a call has ${order.length} arguments in registers, not ${args.length}`);
    set64(bytes, offsets[name]!, value);
  }
  for (const [name, value] of Object.entries(rest)) {
    const offset = offsets[name];
    if (offset === undefined) refuse([name], Object.keys(offsets).join(', '));
    set64(bytes, offset!, value);
  }
  return bytes;
}

function refuse(names: readonly string[], there: string): void {
  if (names.length > 0) throw new RangeError(`there is no \`${names[0]}\`; there are ${there}`);
}

function set64(bytes: Uint8Array, at: number, value: unknown): void {
  if (typeof value !== 'bigint' && typeof value !== 'number' && typeof value !== 'boolean')
    throw new RangeError(`${String(value)} is no number`);
  new DataView(bytes.buffer).setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
}
