import { afterAll, expect } from 'vitest';
import { openHandles, permitted } from '../../src/index.ts';

/** Why nothing can be loaded into a kernel here; false when it can. */
export const noKernel: string | false = ((): string | false => {
  const found = permitted();
  return found.ok ? false : `needs bpf(2): ${found.message}`;
})();

/** Whatever a test file opened it must have closed. */
export function expectNoLeaks(): void {
  afterAll(() => expect(openHandles()).toEqual([]));
}

export const bytes32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
export const bytes64 = (value: number | bigint): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
export const number64 = (bytes: Uint8Array, at = 0): number =>
  Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true));
