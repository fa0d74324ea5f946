import { readFileSync } from 'node:fs';
import { renderDiagnostics, SkepError } from '@skep/base';
import { aboutFile, Btf, readElf } from '@skep/object';
import { type CompileOptions, compileProbeFile, isElf, type Opened, openFile, readBytes } from 'skep';
import type { Call } from '../command.ts';
import { badAssignment, badData, nothingKnown } from '../diagnostics.ts';

/** The compiler's options, from the command line's. */
export function compileOptions(call: Call): CompileOptions & { btf?: Btf } {
  const { options } = call;
  const btf = options.text('btf');
  return {
    includePaths: options.list('include'),
    systemPaths: options.list('isystem'),
    includes: options.list('preinclude'),
    defines: options.list('define'),
    undefines: options.list('undefine'),
    cpu: options.text('cpu') as 'v1' | 'v2' | 'v3' | 'v4',
    optimise: levelOf(options.text('optimise')),
    ...(btf !== undefined && { btf: readBtf(btf) }),
  };
}

function levelOf(text: string | undefined): 0 | 1 | 2 | 's' {
  return text === 's' ? 's' : (Number(text) as 0 | 1 | 2);
}

/** Whether a file holds probes in TypeScript. */
export function holdsProbes(path: string | undefined): path is string {
  return path !== undefined && /\.m?ts$/.test(path);
}

/** What is made of a source that is not C, for those that take C or objects. */
export async function objectOfProbes(call: Call): Promise<Uint8Array | undefined> {
  const [path] = call.args;
  return holdsProbes(path) ? (await compileProbeFile(path, compileOptions(call))).compiled!.object : undefined;
}

/** Opens what the user named, and prints warnings. */
export async function openArgument(call: Call): Promise<Opened> {
  const path = call.args[0]!;
  const options = compileOptions(call);
  const opened = holdsProbes(path) ? await compileProbeFile(path, options) : openFile(path, options);
  if (opened.warnings.length > 0) call.io.err(`${renderDiagnostics(opened.warnings, { color: call.io.color })}\n`);
  return opened;
}

/** Raw BTF, or an ELF file that has it in a section. */
export function readBtf(path: string): Btf {
  const bytes = readBytes(path);
  const isObject = isElf(bytes);
  return aboutFile(path, () => {
    const types = isObject ? readElf(bytes, path).sections.find((one) => one.name === '.BTF')?.data : bytes;
    if (types === undefined)
      throw new SkepError(
        nothingKnown(path, 'BTF', 'give raw BTF, as /sys/kernel/btf/vmlinux is, or an ELF file with it'),
      );
    return Btf.parse(types);
  });
}

/** `--set name=1`, decimal or 0x…, negative too. */
export function globalsOf(call: Call): { [name: string]: number } {
  const values: { [name: string]: number } = {};
  for (const text of call.options.list('set')) {
    const match = /^([A-Za-z_]\w*)=(-?(?:\d+|0x[0-9a-fA-F]+))$/.exec(text);
    if (!match) throw new SkepError(badAssignment(text), 2);
    const negative = match[2]!.startsWith('-');
    values[match[1]!] = Number(negative ? match[2]!.slice(1) : match[2]) * (negative ? -1 : 1);
  }
  return values;
}

/** `hex:0a0b` or the name of a file. */
export function dataOf(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  if (text.startsWith('hex:')) {
    const digits = text.slice(4).replace(/[\s:_]/g, '');
    if (!/^([0-9a-fA-F]{2})*$/.test(digits))
      throw new SkepError(badData(text, 'it is not an even number of hexadecimal digits'), 2);
    return Uint8Array.from(Buffer.from(digits, 'hex'));
  }
  try {
    return new Uint8Array(readFileSync(text));
  } catch (error) {
    throw new SkepError(badData(text, error instanceof Error ? error.message : String(error)));
  }
}
