import { utf8Bytes } from '@skep/base';
import { allocate } from './memory.ts';

/** The bytes of a C string, with its NUL. */
export function cBytes(text: string): Uint8Array {
  const bytes = utf8Bytes(text);
  const out = new Uint8Array(bytes.length + 1);
  out.set(bytes);
  return out;
}

/** C strings in memory that does not move, for as long as `use` runs: the kernel is given their addresses as numbers. */
export function withStrings<T>(texts: readonly string[], use: (addresses: readonly number[]) => T): T {
  const strings = texts.map(cBytes);
  const memory = allocate(strings.reduce((sum, one) => sum + one.length, 0));
  try {
    let at = 0;
    const addresses = strings.map((one) => {
      memory.bytes.set(one, at);
      at += one.length;
      return memory.address + at - one.length;
    });
    return use(addresses);
  } finally {
    memory.free();
  }
}

/** Numbers of 64 bits as the kernel takes an array of them. */
export function u64Array(values: readonly (number | bigint)[]): Uint8Array {
  return new Uint8Array(new BigUint64Array(values.map((one) => BigInt.asUintN(64, BigInt(one)))).buffer);
}
