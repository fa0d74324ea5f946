import { EXIT, SkepError, utf8Text } from '@skep/base';
import { assemble, assembledObject, decode, disassemble, encode } from '@skep/object';
import { SCHEMA, toJson } from '@skep/view';
import { readBytes } from 'skep';
import type { Call } from '../command.ts';
import { emptyAssembly } from '../diagnostics.ts';
import { writeOutput } from '../output.ts';

/** `skep asm FILE.s -o OUT.o` */
export async function execute(call: Call): Promise<number> {
  const { options, io } = call;
  const path = call.args[0]!;
  const insns = assemble(utf8Text(path === '-' ? await stdin() : readBytes(path)), { name: path });
  if (insns.length === 0) throw new SkepError(emptyAssembly(path));
  const emit = options.text('emit');
  const stem = path === '-' ? 'a' : path.replace(/\.[sS]$/, '');
  if (emit === 'obj') {
    const name = options.text('name') ?? programName(stem);
    const object = assembledObject(insns, {
      name,
      section: options.text('section')!,
      license: options.text('license')!,
    });
    writeOutput(io, options.text('output') ?? `${stem}.o`, object);
    return EXIT.ok;
  }
  const code = encode(insns);
  const hex = Array.from({ length: code.length / 8 }, (_, slot) => Buffer.from(code.subarray(slot * 8, slot * 8 + 8)));
  const text = {
    hex: () => hex.map((one) => one.toString('hex').replace(/(..)(?=.)/g, '$1 ')).join('\n'),
    json: () => toJson({ schema: SCHEMA, instructions: hex.map((one) => one.toString('hex')) }, 2),
    text: () => disassemble(decode(code), { slots: true }),
  }[emit as 'hex' | 'json' | 'text'];
  writeOutput(io, options.text('output') ?? '-', text());
  return EXIT.ok;
}

/** A name that C and the kernel take: of `dir/my-prog.s`, `my_prog`. */
function programName(stem: string): string {
  return (
    stem
      .slice(stem.lastIndexOf('/') + 1)
      .replace(/\W/g, '_')
      .replace(/^(?=\d)/, '_')
      .slice(0, 63) || 'program'
  );
}

async function stdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
