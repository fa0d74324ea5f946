import { readdirSync, readFileSync } from 'node:fs';
import { EXIT, SkepError, suggest } from '@skep/base';
import { noDisk } from '../diagnostics.ts';

/** The name of a block device, `major << 20 | minor`, as the kernel has it: `sda`, `vda1`. */
export function deviceName(device: number): string {
  return names().get(device) ?? (device === 0 ? '[none]' : `${device >>> 20}:${device & 0xfffff}`);
}

/** The opposite. Throws E9007. */
export function deviceNumber(name: string): number {
  for (const [number, one] of names()) if (one === name) return number;
  const known = [...names().values()];
  throw new SkepError(noDisk(name, suggest(name, known), known), EXIT.usage);
}

let known: ReadonlyMap<number, string> | undefined;

function names(): ReadonlyMap<number, string> {
  known ??= new Map(devices());
  return known;
}

function* devices(): Generator<[number, string]> {
  const folder = '/sys/class/block';
  let entries: string[] = [];
  try {
    entries = readdirSync(folder);
  } catch {
    // Without sysfs numbers are shown.
  }
  for (const name of entries) {
    try {
      const [major, minor] = readFileSync(`${folder}/${name}/dev`, 'utf8').split(':').map(Number);
      yield [(major! << 20) | minor!, name];
    } catch {
      // Taken out meanwhile.
    }
  }
}
