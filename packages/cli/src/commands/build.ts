import { readFileSync } from 'node:fs';
import { type Diagnostic, EXIT, renderDiagnostics, SkepError, utf8Text } from '@skep/base';
import { compileToText, printModule, printTree } from '@skep/compiler';
import { linkObjects } from '@skep/object';
import { type Compiled, compileFile, compileProbeFile, type FileOptions, isElf, open, readBytes } from 'skep';
import type { Call } from '../command.ts';
import { depfile, diskFiles } from '../depfile.ts';
import { severalOutputs } from '../diagnostics.ts';
import { writeOutput } from '../output.ts';
import { workOnChange } from '../watch.ts';
import { objectText } from './disasm.ts';
import { compileOptions, holdsProbes } from './shared.ts';

/** `skep build FILE… -o OUT.o` */
export async function execute(call: Call): Promise<number> {
  const emit = call.options.text('emit') as Emit;
  const output = call.options.text('output');
  if (output !== undefined && emit !== 'obj' && call.args.length > 1)
    throw new SkepError(severalOutputs(emit), EXIT.usage);
  if (!call.options.flag('watch')) {
    await new Build(call, emit, output).run();
    return EXIT.ok;
  }
  await workOnChange(() => watched(call, emit, output), call.io.signal);
  return EXIT.ok;
}

type Emit = 'c' | 'ast' | 'ir' | 'asm' | 'obj';

/** One build whose errors are shown, not thrown. */
async function watched(
  call: Call,
  emit: Emit,
  output: string | undefined,
): Promise<{ readonly files: readonly string[] }> {
  const build = new Build(call, emit, output);
  const start = performance.now();
  try {
    await build.run();
    call.io.err(`built in ${(performance.now() - start).toFixed(0)} ms; watching ${build.read.size} files\n`);
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
    call.io.err(`${renderDiagnostics(error.diagnostics, { color: call.io.color })}\n`);
  }
  return { files: [...build.read] };
}

class Build {
  /** Every file that was asked for, there or not. */
  readonly read = new Set<string>();
  private readonly deps = new Set<string>();
  private readonly call: Call;
  private readonly emit: Emit;
  private readonly output: string | undefined;
  private readonly options: FileOptions;

  constructor(call: Call, emit: Emit, output: string | undefined) {
    this.call = call;
    this.emit = emit;
    this.output = output;
    this.options = {
      ...compileOptions(call),
      warnings: warningsOf(call),
      readFile: (path) => {
        this.read.add(path);
        return readText(path);
      },
    };
  }

  async run(): Promise<void> {
    const { call, emit, output } = this;
    const objects: { name: string; bytes: Uint8Array }[] = [];
    for (const path of call.args) {
      this.read.add(path);
      if (call.options.flag('deps')) this.preprocess(path, 'deps');
      else if (emit === 'c' && holdsProbes(path))
        this.write(output ?? '-', (await compileProbeFile(path, this.options)).probes.c);
      else if (emit === 'c') this.preprocess(path, 'text');
      else if (call.args.length > 1 && emit === 'obj' && isElf(readBytes(path)))
        objects.push({ name: path, bytes: readBytes(path) });
      else {
        const compiled = await this.compile(path);
        if (emit === 'obj') objects.push({ name: path, bytes: compiled.object });
        else this.write(output ?? '-', contents(path, compiled, emit));
      }
    }
    if (emit !== 'obj' || call.options.flag('deps')) return;
    if (output !== undefined && call.args.length > 1) this.write(output, linkObjects(objects));
    else for (const { name, bytes } of objects) this.write(output ?? objectName(name), bytes);
  }

  private async compile(path: string): Promise<Compiled> {
    const { call } = this;
    const compiled = holdsProbes(path)
      ? (await compileProbeFile(path, this.options)).compiled!
      : compileFile(path, this.options);
    this.warn(compiled.warnings);
    for (const file of diskFiles(compiled.files, true)) this.read.add(file);
    this.noteDeps(path, compiled.files);
    if (call.options.flag('timings')) call.io.err(`${timings(compiled)}\n`);
    return compiled;
  }

  private preprocess(path: string, what: 'text' | 'deps'): void {
    const { call } = this;
    // Probes are one file, whatever it imports for the user side.
    if (holdsProbes(path)) {
      this.write(call.options.text('depfile') ?? this.output ?? '-', this.rule(path, [path]));
      return;
    }
    const result = compileToText({ name: path, text: utf8Text(readBytes(path)) }, this.options);
    if (!result.ok) throw new SkepError(result.diagnostics);
    this.warn(result.warnings);
    const { text, files } = result.value;
    if (what === 'text') {
      this.noteDeps(path, files);
      this.write(this.output ?? '-', text);
    } else this.write(call.options.text('depfile') ?? this.output ?? '-', this.rule(path, files));
  }

  /** Beside the object, as clang does: `opens.bpf.d`. What is linked into one object has one rule. */
  private noteDeps(path: string, files: readonly string[]): void {
    const { options } = this.call;
    if (!options.flag('writeDeps')) return;
    if (this.output === undefined) this.deps.clear();
    for (const file of files) this.deps.add(file);
    const beside = (this.output ?? objectName(path)).replace(/\.[^./]*$/, '');
    this.write(options.text('depfile') ?? `${beside}.d`, this.rule(path, [...this.deps]));
  }

  private rule(path: string, files: readonly string[]): string {
    const { options } = this.call;
    const target = options.text('deptarget') ?? (options.flag('deps') ? undefined : this.output) ?? objectName(path);
    return depfile(target, diskFiles(files, options.flag('systemDeps')), options.flag('phonyDeps'));
  }

  private warn(warnings: readonly Diagnostic[]): void {
    const { io } = this.call;
    if (warnings.length === 0) return;
    io.err(`${renderDiagnostics(warnings, { color: io.color })}\n`);
  }

  private write(path: string, data: Uint8Array | string): void {
    writeOutput(this.call.io, path, data);
  }
}

function warningsOf({ options }: Call): string[] {
  if (!options.flag('warnings')) return ['no-everything'];
  return [...options.list('warn'), ...(options.flag('werror') ? ['error'] : [])];
}

function objectName(path: string): string {
  return `${path === '-' ? 'stdin' : path.replace(/\.([cso]|m?ts)$/, '')}.o`;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function contents(path: string, compiled: Compiled, emit: 'ast' | 'ir' | 'asm'): string {
  switch (emit) {
    case 'ast':
      return printTree(compiled.tree);
    case 'ir':
      return printModule(compiled.module);
    case 'asm':
      return objectText(open(path, compiled.object).spec.programs);
  }
}

function timings(compiled: Compiled): string {
  return Object.entries(compiled.timings)
    .map(([stage, ms]) => `${stage} ${ms.toFixed(1)} ms`)
    .join(' · ');
}
