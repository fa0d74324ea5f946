import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { openFile, run, type Value } from '../../src/index.ts';
import { told } from './told.ts';

/** What a program did in the guest: its rows as text, and the recording of them. */
export interface Recorded {
  readonly name: string;
  readonly rows: string;
  readonly count: number;
  /** Base64; undefined with a reason when nothing could be recorded. */
  readonly recording?: string;
  readonly reason?: string;
}

/** What is watched: files opened and removed, programs started. */
export const COMMAND = [
  '/bin/sh',
  '-c',
  'cat /etc/hostname >/dev/null; echo text >/tmp/first; ls /etc >/dev/null; rm /tmp/first; exec true',
];

/** In the guest: records a run of every object. */
async function main(objects: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-recordings-'));
  for (const path of objects) {
    const name = basename(path, '.bpf.o');
    const record = join(folder, name);
    const rows: Value[] = [];
    let outcome: Recorded;
    try {
      const options = { home: 'kernel' as const, record, command: COMMAND };
      await run(openFile(path).spec, options, { records: (batch) => rows.push(...batch) });
      const recording = readFileSync(record).toString('base64');
      outcome = { name, rows: told(rows), count: rows.length, recording };
    } catch (error) {
      outcome = { name, rows: '', count: 0, reason: String(error) };
    }
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
  }
}

if (process.env['VMTEST'] !== undefined) await main(process.argv.slice(2));
