import { EXIT, SkepError } from '@skep/base';
import { decode, disassemble, type ProgramSpec } from '@skep/object';
import { parseFormat, SCHEMA, toJson } from '@skep/view';
import type { Spec } from 'skep';
import type { Call } from '../command.ts';
import { openArgument } from './shared.ts';

/** `skep disasm FILE` */
export async function execute(call: Call): Promise<number> {
  const format = parseFormat(call.options.text('output') ?? 'table');
  const { spec } = await openArgument(call);
  const programs = chosen(spec, call.options.list('program'));
  if (format.kind === 'json' || format.kind === 'jsonl') {
    const list = programs.map((one) => ({
      name: one.name,
      section: one.section,
      type: one.hook?.programType,
      instructions: one.code.length / 8,
      text: textOf(one).split('\n'),
    }));
    call.io.out(`${toJson({ schema: SCHEMA, programs: list }, 2)}\n`);
    return EXIT.ok;
  }
  call.io.out(objectText(programs));
  return EXIT.ok;
}

/** All instructions of the programs, with a headline for each program and the lines of source between them. */
export function objectText(programs: readonly ProgramSpec[]): string {
  return programs
    .map((one) => `${one.name}: SEC("${one.section}"), ${one.code.length / 8} instructions\n${textOf(one)}\n`)
    .join('\n');
}

function chosen(spec: Spec, names: readonly string[]): readonly ProgramSpec[] {
  for (const name of names) {
    if (!spec.programs.some((one) => one.name === name)) {
      throw new SkepError({
        code: 'E8003',
        severity: 'error',
        message: `the object has no program \`${name}\``,
        help: `it has ${spec.programs.map((one) => one.name).join(', ')}`,
      });
    }
  }
  return names.length === 0 ? spec.programs : spec.programs.filter((one) => names.includes(one.name));
}

function textOf(program: ProgramSpec): string {
  const references = new Map(program.references.map((one) => [one.slot, one]));
  const subprograms = program.functions.slice(1).map((one) => [one.slot, one.name] as const);
  return disassemble(decode(program.code), {
    slots: true,
    lines: program.lineInfo,
    functions: new Map(subprograms),
    names: {
      symbol: (_, slot) => {
        const one = references.get(slot);
        if (one === undefined) return undefined;
        if (one.kind === 'map') return one.map;
        if (one.kind === 'map-value') return `${one.map}+${one.offset}`;
        return one.name;
      },
    },
  });
}
