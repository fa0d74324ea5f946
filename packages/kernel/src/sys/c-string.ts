import { utf8Bytes } from '@skep/base';

/** The bytes of a C string, with its NUL. */
export function cBytes(text: string): Uint8Array {
  const bytes = utf8Bytes(text);
  const out = new Uint8Array(bytes.length + 1);
  out.set(bytes);
  return out;
}
