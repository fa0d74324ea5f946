import { writeFileSync } from 'node:fs';
import { EXIT, renderDiagnostics, SkepError } from '@skep/base';
import { printModule, printTree } from '@skep/compiler';
import { type Compiled, compileFile, open } from 'skep';
import type { Call } from '../command.ts';
import { cannotWrite, severalOutputs } from '../diagnostics.ts';
import { objectText } from './disasm.ts';
import { compileOptions } from './shared.ts';

/** `skep build FILE… -o OUT.o` */
export async function execute(call: Call): Promise<number> {
  const output = call.options.text('output');
  if (output !== undefined && call.args.length > 1) throw new SkepError(severalOutputs(), EXIT.usage);
  const emit = call.options.text('emit') as Emit;
  for (const path of call.args) {
    const compiled = compileFile(path, compileOptions(call));
    if (compiled.warnings.length > 0)
      call.io.err(`${renderDiagnostics(compiled.warnings, { color: call.io.color })}\n`);
    write(call, output ?? (emit === 'obj' ? `${path.replace(/\.c$/, '')}.o` : '-'), contents(path, compiled, emit));
    if (call.options.flag('timings')) call.io.err(`${timings(compiled)}\n`);
  }
  return EXIT.ok;
}

type Emit = 'ast' | 'ir' | 'asm' | 'obj';

function contents(path: string, compiled: Compiled, emit: Emit): Uint8Array | string {
  switch (emit) {
    case 'ast':
      return printTree(compiled.tree);
    case 'ir':
      return printModule(compiled.module);
    case 'asm':
      return objectText(open(path, compiled.object).spec.programs);
    case 'obj':
      return compiled.object;
  }
}

function write(call: Call, path: string, data: Uint8Array | string): void {
  if (path === '-') {
    if (typeof data === 'string') call.io.out(data.endsWith('\n') ? data : `${data}\n`);
    else call.io.outBytes(data);
    return;
  }
  try {
    writeFileSync(path, data);
  } catch (error) {
    throw new SkepError(cannotWrite(path, error instanceof Error ? error.message : String(error)));
  }
}

function timings(compiled: Compiled): string {
  return Object.entries(compiled.timings)
    .map(([stage, ms]) => `${stage} ${ms.toFixed(1)} ms`)
    .join(' · ');
}
