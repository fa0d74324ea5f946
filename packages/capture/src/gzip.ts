import { SkepError } from '@skep/base';
import { brokenGzip } from './diagnostics.ts';

/** Compressed bytes as they are when they are not gzip; a stream that breaks off gives what came before (`complete` false). */
export async function gunzip(bytes: Uint8Array, name: string): Promise<{ bytes: Uint8Array; complete: boolean }> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { bytes, complete: true };
  const parts: Uint8Array[] = [];
  let size = 0;
  let complete = true;
  const reader = through(bytes, new DecompressionStream('gzip')).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      size += value.length;
      if (size > MAX_UNPACKED) throw new SkepError(brokenGzip(name, `it unpacks to more than ${MAX_UNPACKED} bytes`));
    }
  } catch (error) {
    if (error instanceof SkepError) throw error;
    if (size === 0) throw new SkepError(brokenGzip(name, error instanceof Error ? error.message : String(error)));
    complete = false;
  }
  return { bytes: join(parts, size), complete };
}

/** Compressed by the platform's own streams. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = through(bytes, new CompressionStream('gzip')).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return join(parts, size);
    parts.push(value);
    size += value.length;
  }
}

/** Bytes: a bomb must not fill the memory. */
const MAX_UNPACKED = 2 ** 31;

function through(
  bytes: Uint8Array,
  transform: { readonly writable: WritableStream; readonly readable: ReadableStream },
): ReadableStream<Uint8Array> {
  const writer = transform.writable.getWriter();
  // Both fail when the data is bad; the reader's side reports it.
  writer.write(bytes).catch(() => {});
  writer.close().catch(() => {});
  return transform.readable as ReadableStream<Uint8Array>;
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
