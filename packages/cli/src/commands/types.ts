import { EXIT, SkepError, suggest } from '@skep/base';
import { type Btf, type BtfId, btfListing, btfToC } from '@skep/object';
import { SCHEMA, toJson } from '@skep/view';
import { compileTypes, declarationsOf, typeDeclarations } from 'skep';
import type { Call } from '../command.ts';
import { noSuchType, nothingKnown, nothingToShow } from '../diagnostics.ts';
import { writeOutput } from '../output.ts';
import { openArgument, readBtf } from './shared.ts';

/** `skep types FILE`, `skep types --kernel TYPE…` */
export async function execute(call: Call): Promise<number> {
  const { options, io } = call;
  const output = options.text('output');
  const format = options.text('format') ?? (options.flag('ts') || output?.endsWith('.ts') ? 'ts' : 'c');
  const isKernel = options.flag('kernel') || options.text('btf') !== undefined;
  const [file, ...rest] = call.args;
  if (!isKernel && file === undefined) throw new SkepError(nothingToShow(), EXIT.usage);
  const names = isKernel ? call.args : rest;
  const text = isKernel ? ofKernel(call, names, format) : await ofFile(call, file!, names, format);
  writeOutput(io, output ?? '-', text);
  return EXIT.ok;
}

function ofKernel(call: Call, names: readonly string[], format: string): string {
  const path = call.options.text('btf');
  const btf = path === undefined ? compileTypes() : readBtf(path);
  return show(btf, rootsOf(btf, names, path ?? 'the kernel'), format);
}

async function ofFile(call: Call, file: string, names: readonly string[], format: string): Promise<string> {
  const { spec } = await openArgument(call);
  const { btf } = spec.object;
  if (btf === undefined)
    throw new SkepError(nothingKnown(file, 'BTF', 'compile it with `-g`, which writes the types into the object'));
  if (names.length === 0 && format === 'ts') return declarationsOf(spec.object);
  return show(btf, rootsOf(btf, names, file), format);
}

function show(btf: Btf, roots: readonly BtfId[] | undefined, format: string): string {
  switch (format) {
    case 'ts':
      return typeDeclarations(btf, roots ?? named(btf));
    case 'raw':
      return btfListing(btf);
    case 'json': {
      const types = (roots ?? [...btf.ids()]).map((id) => ({ id, ...btf.type(id) }));
      return toJson({ schema: SCHEMA, types }, 2);
    }
    default:
      return btfToC(btf, { ...(roots && { roots }), preserveAccessIndex: roots === undefined });
  }
}

const KINDS = ['struct', 'union', 'enum', 'enum64', 'typedef', 'fwd'] as const;

function rootsOf(btf: Btf, names: readonly string[], path: string): readonly BtfId[] | undefined {
  if (names.length === 0) return undefined;
  return names.map((text) => {
    const name = text.replace(/^(struct|union|enum)\s+/, '');
    const id = btf.find(name, ...KINDS);
    if (id === undefined) throw new SkepError(noSuchType(path, name, suggest(name, allNames(btf))));
    return id;
  });
}

function named(btf: Btf): BtfId[] {
  return [...btf.ids()].filter((id) => btf.name(id) !== '' && (KINDS as readonly string[]).includes(btf.kind(id)));
}

function* allNames(btf: Btf): Generator<string> {
  for (const id of named(btf)) yield btf.name(id);
}
