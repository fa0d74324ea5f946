import { RecordingFile } from 'skep';
import { LiveNames } from '../frame/names.ts';
import { KeptNames } from './answers.ts';

/** A recording that tools are writing to: the file, the names that were asked for, and the clock that all of them show. */
export class RecordSession {
  readonly names = new KeptNames(new LiveNames());
  readonly file: RecordingFile;
  /** Nanoseconds since 1970 when the monotonic clock was 0. */
  readonly boot: bigint;

  /** Throws E8019. */
  constructor(path: string, command: readonly string[]) {
    const startMonotonic = process.hrtime.bigint();
    const startRealtime = BigInt(Date.now()) * 1_000_000n;
    this.boot = startRealtime - startMonotonic;
    this.file = new RecordingFile(path, { command, startMonotonic, startRealtime });
  }

  close(): void {
    try {
      this.file.write({ kind: 'names', names: this.names.answers });
    } finally {
      this.file.close();
    }
  }
}
