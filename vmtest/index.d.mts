/** A kernel in the cache. */
export interface Kernel {
  /** `6.1` */
  readonly series: string;
  /** `6.1.0-56-cloud-amd64` */
  readonly release: string;
  /** An unpacked vmlinux, which boots by PVH and saves the guest the decompression; or a bzImage. */
  readonly image: string;
  /** Uncompressed .ko files in the order of loading. */
  readonly modules: string[];
}

/** Which Debian package holds a series, and in which suite of the archive. */
export interface Series {
  /** Of the package with the image, revision included; the highest match is taken. */
  readonly name: RegExp;
  /** URL. */
  readonly archive: string;
  readonly suite: string;
  /** When image and modules are split: the names of all packages. */
  readonly packages?: (name: string) => string[];
}

export interface BootOptions {
  /** Seconds, boot included; 300. */
  readonly timeout?: number;
  /** MiB; 1024. */
  readonly memory?: number;
  readonly cwd?: string;
  /** Added to PATH, HOME and VMTEST (the series). */
  readonly env?: Readonly<Record<string, string>>;
  /** False leaves tracefs and debugfs unmounted. */
  readonly tracefs?: boolean;
  /** Output of the command, both streams, as it comes. */
  readonly onOutput?: (chunk: Buffer) => void;
  readonly signal?: AbortSignal;
}

export interface BootResult {
  /** Exit code of the command; undefined when the guest did not get that far. */
  readonly code: number | undefined;
  readonly how: 'exited' | 'timeout' | 'aborted' | 'died';
  readonly output: string;
  /** Of the guest's kernel, and what QEMU complained about. */
  readonly console: string;
}

/**
 * Boots `kernel` with the host's root file system under a throw-away overlay, runs `command` in it and waits for the
 * end. QEMU and virtiofsd are gone when the promise settles.
 */
export function boot(kernel: Kernel, command: readonly string[], options?: BootOptions): Promise<BootResult>;

/** The kernels that can be booted, by series. A new one is one row. */
export const KERNELS: Readonly<Record<string, Series>>;

/** The kernel of a series, from the cache, or downloaded by apt into the cache. Nothing is installed on the host. */
export function fetchKernel(series: string, say?: (line: string) => void): Kernel;

/**
 * Further modules of a kernel and what they depend on, in the order of loading, to be added to its `modules`; from the cache,
 * or from its package. Throws {@link Missing} where it has no such module, or has it built in.
 */
export function fetchModules(kernel: Kernel, names: readonly string[], say?: (line: string) => void): string[];

/** Why no kernel can be booted here; undefined when all that it takes is installed. */
export function whyNotBoot(): string | undefined;

/** Something that vmtest needs is not here: what, and how to get it. */
export class Missing extends Error {
  constructor(what: string, remedy: string);
  readonly remedy: string;
}
