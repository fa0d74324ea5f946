import { writeFileSync } from 'node:fs';
import { SkepError } from '@skep/base';
import type { Io } from './command.ts';
import { cannotWrite } from './diagnostics.ts';

/** Writes a file, or stdout for `-`. @throws SkepError E7007 */
export function writeOutput(io: Io, path: string, data: Uint8Array | string): void {
  if (path === '-') {
    if (typeof data !== 'string') io.outBytes(data);
    else if (data !== '') io.out(data.endsWith('\n') ? data : `${data}\n`);
    return;
  }
  try {
    writeFileSync(path, data);
  } catch (error) {
    throw new SkepError(cannotWrite(path, error instanceof Error ? error.message : String(error)));
  }
}
