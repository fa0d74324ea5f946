import { closeSync, openSync, writeSync } from 'node:fs';
import { machine, release } from 'node:os';
import { SkepError } from '@skep/base';
import { encodeBlock, type RecordingBlock, type RecordingHeader, recordingStart } from '@skep/capture';
import { possibleCpus } from '@skep/kernel';
import { unwritableFile } from '../diagnostics.ts';

/** What a file's owner knows; the rest of the header is this machine's. */
export type AboutRecording = Partial<Pick<RecordingHeader, 'globals' | 'command' | 'startRealtime' | 'startMonotonic'>>;

/**
 * A recording that is being written: blocks of one recorder or of several. The header is written with the first block,
 * so that what is known only when programs are loaded can stand in it.
 */
export class RecordingFile {
  private readonly fd: number;
  private about: AboutRecording;
  private begun = false;
  private hooks = 0;
  /** Blocks that were encoded and not written yet: one system call for many. */
  private waiting: Uint8Array[] = [];
  private bytes = 0;

  /** Throws E8019 when it cannot be written. */
  constructor(path: string, about: AboutRecording = {}) {
    this.about = about;
    try {
      this.fd = openSync(path, 'w');
    } catch (error) {
      throw new SkepError(unwritableFile(path, error instanceof Error ? error.message : String(error)));
    }
  }

  /** Adds to what the header will say. */
  tell(about: AboutRecording): void {
    this.about = { ...about, ...this.about };
  }

  /** A number for a hook that no other has. */
  newHook(): number {
    return this.hooks++;
  }

  write(block: RecordingBlock): void {
    if (!this.begun) {
      this.begun = true;
      this.put(recordingStart());
      this.put(encodeBlock({ kind: 'header', header: headerOf(this.about) }));
    }
    this.put(encodeBlock(block));
  }

  /** Hands over to the system what was written. */
  flush(): void {
    if (this.bytes === 0) return;
    const whole = new Uint8Array(this.bytes);
    let at = 0;
    for (const one of this.waiting) {
      whole.set(one, at);
      at += one.length;
    }
    this.waiting = [];
    this.bytes = 0;
    for (let from = 0; from < whole.length; ) from += writeSync(this.fd, whole, from);
  }

  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.fd);
    }
  }

  private put(bytes: Uint8Array): void {
    this.waiting.push(bytes);
    this.bytes += bytes.length;
    if (this.bytes >= ENOUGH) this.flush();
  }
}

const ENOUGH = 64 << 10;

function headerOf(about: AboutRecording): RecordingHeader {
  return {
    release: release(),
    machine: machine(),
    cpus: possibleCpus(),
    startRealtime: BigInt(Date.now()) * 1_000_000n,
    startMonotonic: process.hrtime.bigint(),
    globals: {},
    command: [],
    ...about,
  };
}
