import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { nativeUnavailable } from '../diagnostics.ts';

/**
 * All of native code that skep knows: one system call, memory by address, waiting for a descriptor. Everything else in
 * this package is TypeScript over these. Addresses are numbers: user space of x86-64 and arm64 ends below 2^48.
 */
export interface Native {
  /** The value, or `-errno`. */
  syscall(number: number, a?: number, b?: number, c?: number, d?: number, e?: number, f?: number): number;
  /** {@link syscall} on another thread; takes one of libuv's (four) until it returns. */
  syscallAsync(number: number, a?: number, b?: number, c?: number, d?: number, e?: number, f?: number): Promise<number>;
  /** Memory at `address` as it is, without a copy. It must stay mapped for as long as anyone can reach the buffer. */
  view(address: number, length: number): ArrayBuffer;
  /** Where the bytes lie; good for as long as the caller holds them. */
  address(bytes: Uint8Array): number;
  /**
   * Calls `ready` on this thread when `fd` becomes readable, again and again until `stop` is called. Undefined where the
   * runtime has no event loop of libuv's to offer (Bun, Deno).
   */
  readonly watch: ((fd: number, ready: () => void) => { stop(): void }) | undefined;
}

let loaded: Native | undefined;

/** Loads native code at the first use, so that importing skep works where there is none. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  if (process.platform !== 'linux') throw nativeUnavailable(`this is ${process.platform}, not Linux`);
  if (process.arch !== 'x64' && process.arch !== 'arm64') throw nativeUnavailable(`no support for ${process.arch}`);
  let koffi: typeof Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi');
  } catch (error) {
    throw nativeUnavailable(`the package koffi cannot be loaded: ${(error as Error).message.split('\n')[0]}`);
  }
  const errno = koffi.errno;
  // Not variadic: on both architectures Linux passes integers to variadic functions as to all others.
  const call = koffi.load(null).func('int64 syscall(int64, int64, int64, int64, int64, int64, int64)');
  const onThread = call.async;

  return {
    syscall(number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0) {
      const result: number = call(number, a, b, c, d, e, f);
      return result === -1 ? -errno() : result;
    },
    syscallAsync(number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0) {
      return new Promise((resolve, reject) => {
        onThread(number, a, b, c, d, e, f, (error: Error | null, result: number) => {
          if (error) reject(error);
          else resolve(result === -1 ? -errno() : result);
        });
      });
    },
    view: (address, length) => koffi.view(BigInt(address), length),
    address: (bytes) => Number(koffi.address(bytes)),
    watch: hasLibuv()
      ? (fd, ready) => {
          const handle = koffi.node.poll(fd, { readable: true }, ready);
          return { stop: () => handle.close() };
        }
      : undefined,
  };
}

/** Bun panics in uv_poll, Deno fires it only once. */
function hasLibuv(): boolean {
  return process.versions['bun'] === undefined && process.versions['deno'] === undefined;
}
