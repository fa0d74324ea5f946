/**
 * Bytes of WebAssembly (core specification 2.0, section 5), as far as the translator needs them: a growing body of
 * code and the assembly of a module from its parts.
 */
export class Code {
  bytes = new Uint8Array(512);
  length = 0;

  op(byte: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  /** An opcode and one unsigned operand: `local.get 3`, `br 2`, `call 7`. */
  op1(byte: number, operand: number): void {
    this.op(byte);
    this.unsigned(operand);
  }

  /** A load or store. `offset` is added to the address without wrapping. */
  access(byte: number, offset: number): void {
    this.op(byte);
    this.op(0);
    this.unsigned(offset);
  }

  /** A vector instruction. */
  simd(number: number): void {
    this.op(SIMD);
    this.unsigned(number);
  }

  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest > 127) {
      this.op((rest & 127) | 128);
      rest >>>= 7;
    }
    this.op(rest);
  }

  i32(value: number): void {
    this.op(I32_CONST);
    this.signed(value | 0);
  }

  /** An i64 constant from its halves. */
  i64(low: number, high: number): void {
    this.op(I64_CONST);
    let [l, h] = [low | 0, high | 0];
    while (h !== l >> 31) {
      this.op((l & 127) | 128);
      l = (l >>> 7) | (h << 25);
      h >>= 7;
    }
    this.signed(l);
  }

  append(other: Code): void {
    if (this.length + other.length > this.bytes.length) this.reserve(other.length);
    this.bytes.set(other.bytes.subarray(0, other.length), this.length);
    this.length += other.length;
  }

  private signed(value: number): void {
    let rest = value;
    while (rest < -64 || rest > 63) {
      this.op((rest & 127) | 128);
      rest >>= 7;
    }
    this.op(rest & 127);
  }

  private reserve(more: number): void {
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
  }
}

/** Reverses the bytes of the i32 on the stack. */
export function emitReverse(code: Code, temporary: number): void {
  code.op1(LOCAL_TEE, temporary);
  code.i32(8);
  code.op(I32_ROTL);
  code.i32(0x00ff00ff);
  code.op(I32_AND);
  code.op1(LOCAL_GET, temporary);
  code.i32(24);
  code.op(I32_ROTL);
  code.i32(0xff00ff00);
  code.op(I32_AND);
  code.op(I32_OR);
}

export interface Signature {
  readonly params: readonly number[];
  readonly results: readonly number[];
}

interface Import {
  readonly name: string;
  readonly type: number;
}

interface Definition {
  readonly type: number;
  /** Types of the locals behind the parameters. */
  locals: readonly number[];
  code: Code;
  /** Where the body's first instruction lies in the module; known after {@link ModuleBuilder.toBytes}. */
  start: number;
}

/** A module with one imported memory, imported globals and functions, then its own. Functions are numbered imports first. */
export class ModuleBuilder {
  private readonly types: Signature[] = [];
  private readonly typeKeys = new Map<string, number>();
  private readonly imports: Import[] = [];
  private readonly importKeys = new Map<string, number>();
  private readonly definitions: Definition[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private readonly globals: string[] = [];

  /** A function to import, once for each name; all imports come before the first {@link declare}. */
  import(name: string, signature: Signature): number {
    const known = this.importKeys.get(name);
    if (known !== undefined) return known;
    const index = this.imports.length;
    if (this.definitions.length > 0) throw new Error(`import ${name} comes after the first definition`);
    this.imports.push({ name, type: this.type(signature) });
    this.importKeys.set(name, index);
    return index;
  }

  /** A function of the module; its body is given to {@link define} later. */
  declare(signature: Signature): number {
    this.definitions.push({ type: this.type(signature), locals: [], code: new Code(), start: 0 });
    return this.imports.length + this.definitions.length - 1;
  }

  define(index: number, locals: readonly number[], code: Code): void {
    const definition = this.definitions[index - this.imports.length]!;
    definition.locals = locals;
    definition.code = code;
  }

  export(name: string, index: number): void {
    this.exports.push({ name, index });
  }

  /** A mutable i32 global to import. */
  global(name: string): number {
    return this.globals.push(name) - 1;
  }

  /** Where a function's code begins in the bytes of the module, for {@link Code.length}-relative positions. */
  startOf(index: number): number {
    return this.definitions[index - this.imports.length]?.start ?? 0;
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    const out = new Code();
    for (const byte of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.op(byte);
    section(out, 1, this.types.length, (code) => {
      for (const { params, results } of this.types) {
        code.op(0x60);
        code.unsigned(params.length);
        for (const one of params) code.op(one);
        code.unsigned(results.length);
        for (const one of results) code.op(one);
      }
    });
    section(out, 2, this.imports.length + this.globals.length + 1, (code) => {
      text(code, 'host');
      text(code, 'memory');
      code.op(2);
      code.op(0);
      code.unsigned(1);
      for (const { name, type } of this.imports) {
        text(code, 'host');
        text(code, name);
        code.op(0);
        code.unsigned(type);
      }
      for (const name of this.globals) {
        text(code, 'host');
        text(code, name);
        for (const byte of [3, I32, 1]) code.op(byte);
      }
    });
    section(out, 3, this.definitions.length, (code) => {
      for (const { type } of this.definitions) code.unsigned(type);
    });
    section(out, 7, this.exports.length, (code) => {
      for (const { name, index } of this.exports) {
        text(code, name);
        code.op(0);
        code.unsigned(index);
      }
    });
    const starts: number[] = [];
    const body = new Code();
    body.unsigned(this.definitions.length);
    for (const definition of this.definitions) {
      const locals = new Code();
      runs(locals, definition.locals);
      body.unsigned(locals.length + definition.code.length);
      body.append(locals);
      starts.push(body.length);
      body.append(definition.code);
    }
    out.op(10);
    out.unsigned(body.length);
    this.definitions.forEach((definition, i) => {
      definition.start = out.length + starts[i]!;
    });
    out.append(body);
    return out.bytes.slice(0, out.length);
  }

  private type(signature: Signature): number {
    const key = `${signature.params.join()}:${signature.results.join()}`;
    let index = this.typeKeys.get(key);
    if (index === undefined) {
      index = this.types.length;
      this.types.push(signature);
      this.typeKeys.set(key, index);
    }
    return index;
  }
}

function section(out: Code, id: number, count: number, fill: (code: Code) => void): void {
  if (count === 0) return;
  const code = new Code();
  code.unsigned(count);
  fill(code);
  out.op(id);
  out.unsigned(code.length);
  out.append(code);
}

function text(code: Code, value: string): void {
  const bytes = new TextEncoder().encode(value);
  code.unsigned(bytes.length);
  for (const byte of bytes) code.op(byte);
}

/** Locals are declared as runs of one type. */
function runs(code: Code, types: readonly number[]): void {
  const list: [number, number][] = [];
  for (const type of types) {
    const last = list.at(-1);
    if (last?.[1] === type) last[0] += 1;
    else list.push([1, type]);
  }
  code.unsigned(list.length);
  for (const [count, type] of list) {
    code.unsigned(count);
    code.op(type);
  }
}

export const I32 = 0x7f;
export const I64 = 0x7e;
export const V128 = 0x7b;
/** The type of a block that takes and leaves nothing. */
export const VOID = 0x40;

export const UNREACHABLE = 0x00;
export const BLOCK = 0x02;
export const LOOP = 0x03;
export const IF = 0x04;
export const ELSE = 0x05;
export const END = 0x0b;
export const BR = 0x0c;
export const BR_IF = 0x0d;
export const BR_TABLE = 0x0e;
export const RETURN = 0x0f;
export const CALL = 0x10;
export const DROP = 0x1a;
export const SELECT = 0x1b;
export const LOCAL_GET = 0x20;
export const LOCAL_SET = 0x21;
export const LOCAL_TEE = 0x22;
export const GLOBAL_GET = 0x23;
export const GLOBAL_SET = 0x24;
export const I32_LOAD = 0x28;
export const I64_LOAD = 0x29;
export const I32_LOAD8_S = 0x2c;
export const I32_LOAD8_U = 0x2d;
export const I32_LOAD16_S = 0x2e;
export const I32_LOAD16_U = 0x2f;
export const I64_LOAD8_S = 0x30;
export const I64_LOAD8_U = 0x31;
export const I64_LOAD16_S = 0x32;
export const I64_LOAD16_U = 0x33;
export const I64_LOAD32_S = 0x34;
export const I64_LOAD32_U = 0x35;
export const I32_STORE = 0x36;
export const I64_STORE = 0x37;
export const I32_STORE8 = 0x3a;
export const I32_STORE16 = 0x3b;
export const I64_STORE8 = 0x3c;
export const I64_STORE16 = 0x3d;
export const I64_STORE32 = 0x3e;
const I32_CONST = 0x41;
const I64_CONST = 0x42;
export const I32_EQZ = 0x45;
export const I32_EQ = 0x46;
export const I32_NE = 0x47;
export const I32_LT_S = 0x48;
export const I32_LT_U = 0x49;
export const I32_GT_U = 0x4b;
export const I32_LE_U = 0x4d;
export const I32_GE_S = 0x4e;
export const I32_GE_U = 0x4f;
export const I64_EQZ = 0x50;
export const I64_EQ = 0x51;
export const I64_NE = 0x52;
export const I64_LT_S = 0x53;
export const I64_LT_U = 0x54;
export const I64_GT_S = 0x55;
export const I64_GT_U = 0x56;
export const I64_LE_S = 0x57;
export const I64_LE_U = 0x58;
export const I64_GE_S = 0x59;
export const I64_GE_U = 0x5a;
export const I32_CLZ = 0x67;
export const I32_CTZ = 0x68;
export const I32_ADD = 0x6a;
export const I32_SUB = 0x6b;
export const I32_MUL = 0x6c;
export const I32_DIV_S = 0x6d;
export const I32_AND = 0x71;
export const I32_OR = 0x72;
export const I32_XOR = 0x73;
export const I32_SHL = 0x74;
export const I32_SHR_S = 0x75;
export const I32_SHR_U = 0x76;
const I32_ROTL = 0x77;
export const I64_ADD = 0x7c;
export const I64_SUB = 0x7d;
export const I64_MUL = 0x7e;
export const I64_DIV_S = 0x7f;
export const I64_AND = 0x83;
export const I64_OR = 0x84;
export const I64_XOR = 0x85;
export const I64_SHL = 0x86;
export const I64_SHR_S = 0x87;
export const I64_SHR_U = 0x88;
export const I64_ROTL = 0x89;
export const I32_WRAP = 0xa7;
export const I64_EXTEND_S = 0xac;
export const I64_EXTEND_U = 0xad;
export const I32_EXTEND8_S = 0xc0;
export const I32_EXTEND16_S = 0xc1;
export const I64_EXTEND8_S = 0xc2;
export const I64_EXTEND16_S = 0xc3;
export const I64_EXTEND32_S = 0xc4;
/** Behind this prefix stand the vector instructions. */
export const SIMD = 0xfd;
export const V128_LOAD = 0x00;
export const V128_STORE = 0x0b;
export const I8X16_SPLAT = 0x0f;
export const I16X8_SPLAT = 0x10;
export const I32X4_SPLAT = 0x11;
export const I32X4_EXTRACT_LANE = 0x1b;
export const I8X16_EQ = 0x23;
export const I16X8_EQ = 0x2d;
export const I32X4_EQ = 0x37;
export const V128_OR = 0x50;
export const I8X16_BITMASK = 0x64;
export const I16X8_EXTADD_I8X16_U = 0x7d;
export const I32X4_EXTADD_I16X8_U = 0x7f;
export const I16X8_BITMASK = 0x84;
export const I32X4_BITMASK = 0xa4;
export const I32X4_ADD = 0xae;
