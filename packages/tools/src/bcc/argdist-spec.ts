import { EXIT, SkepError, type SourceFile } from '@skep/base';
import type { TraceTarget } from '@skep/compiler';
import { badSpec } from '../diagnostics.ts';
import { addExpression, type Scope } from './expression.ts';
import { type Piece, separated } from './piece.ts';
import { type ProbeSpec, placeOf, probeAt } from './probe.ts';
import { Script } from './script.ts';
import { typeText } from './types.ts';

/** What `argdist` counts at a probe: `r::vfs_read():u32:$latency:retval > 0#latency of reads`. */
export interface ArgdistSpec {
  readonly kind: 'count' | 'histogram';
  readonly probe: ProbeSpec;
  readonly values: readonly { readonly type: string; readonly expression: Piece }[];
  readonly filter: Piece | undefined;
  /** Above what it gathers: the label, or how it was written. */
  readonly title: string;
  readonly label: string | undefined;
  readonly source: SourceFile;
}

/** Throws E9014. */
export function parseArgdistSpec(kind: ArgdistSpec['kind'], text: string): ArgdistSpec {
  const source: SourceFile = { name: kind === 'count' ? '-C' : '-H', text };
  const refuse = (message: string, at = 0): never => {
    throw new SkepError(
      badSpec(message, { file: source, start: at, end: Math.max(at + 1, text.length) }, FORM),
      EXIT.usage,
    );
  };
  const hash = /#[^"#]*$/.exec(text)?.index ?? text.length;
  const label = text.slice(hash + 1).trim() || undefined;
  const { probe, end } = probeAt(text, text.length - text.trimStart().length, source);
  const pieces = separated({ text: text.slice(end, hash), at: end }, ':');
  if (pieces[0]!.text !== '') refuse(`\`${pieces[0]!.text}\` does not belong behind the probe`, pieces[0]!.at);
  const [, types, expressions, filter, ...more] = pieces;
  if (more.length > 0) refuse(`\`${more[0]!.text}\` is too much`, more[0]!.at);
  const common = { kind, probe, title: label ?? text.trim(), label, source, filter: filter?.text ? filter : undefined };
  if (!types?.text) {
    if (kind === 'histogram' && probe.kind !== 'r') refuse('a histogram wants a type and an expression');
    const counted = probe.kind === 'r' ? { text: '$retval', at: 0 } : undefined;
    return { ...common, values: counted ? [{ type: 'int64', expression: { ...counted, at: probe.piece.at } }] : [] };
  }
  if (!expressions?.text) refuse('an expression is missing behind the type', types.at);
  const wanted = types.text.split(',');
  const values = separated(expressions!, ',');
  if (wanted.length !== values.length)
    refuse(`there are ${wanted.length} types for ${values.length} expressions`, types.at);
  if (kind === 'histogram' && values.length > 1) refuse('a histogram is of one expression', expressions!.at);
  return {
    ...common,
    values: values.map((expression, i) => ({ type: typeText(wanted[i]!), expression })),
  };
}

const FORM = 'write p::vfs_read(void *file, void *to, size_t count):size_t:count:count > 0#label';

export interface ArgdistScriptOptions {
  readonly strings: number;
  readonly tid: number | undefined;
}

/** The script in whose map `@dN` stands what the specification N counts. */
export function argdistScript(
  specs: readonly ArgdistSpec[],
  options: ArgdistScriptOptions,
  target: TraceTarget,
): Script {
  const script = new Script(specs[0]!.source);
  script.add(`config = { max_strlen = ${options.strings}; str_trunc_trailer = "" }\n`);
  const who = options.tid === undefined ? '' : `/tid == ${options.tid}/ `;
  for (const [index, spec] of specs.entries()) {
    const { probe, source } = spec;
    script.within(source, probe.piece);
    const place = placeOf(probe, target);
    const uses = [...spec.values.map((one) => one.expression.text), spec.filter?.text ?? ''].join(' ');
    const kept = new Set([...uses.matchAll(/\$entry\s*\(\s*(\w+)\s*\)/g)].map((one) => one[1]!));
    const timed = probe.kind === 'r' && (/\$latency\b/.test(uses) || kept.size > 0);
    if (timed) addEntry(script, index, probe, kept, who, target);
    const scope: Scope = {
      ...{ source, place },
      // What functions were called with is gone when they return.
      parameters: probe.kind === 'r' ? [] : probe.parameters,
      ...(timed && { latency: `(nsecs - @t${index}[tid])`, entry: (name) => `@e${index}_${name}[tid]` }),
    };
    script.add(`${place.attach}\n${who}{\n`);
    if (timed) script.add(`if (@t${index}[tid] != 0) {\n`);
    for (const [i, { name, type }] of scope.parameters.entries())
      script.add(`$${name} = (${type})${place.argument(i + 1)};\n`);
    if (spec.filter) {
      script.add('if (');
      addExpression(script, spec.filter, scope);
      script.add(') {\n');
    }
    if (spec.kind === 'histogram') {
      script.add(`@d${index} = hist(`);
      addValue(script, spec.values[0]!, scope);
      script.add(');\n');
    } else {
      script.add(`@d${index}[`);
      for (const [i, value] of spec.values.entries()) {
        if (i > 0) script.add(', ');
        addValue(script, value, scope);
      }
      script.add(`${spec.values.length === 0 ? '0' : ''}] = count();\n`);
    }
    if (spec.filter) script.add('}\n');
    if (timed) {
      for (const name of kept) script.add(`delete(@e${index}_${name}[tid]);\n`);
      script.add(`delete(@t${index}[tid]);\n}\n`);
    }
    script.add('}\n');
  }
  return script;
}

/** What is to be known at the end of a call, taken at its beginning. */
function addEntry(
  script: Script,
  index: number,
  probe: ProbeSpec,
  kept: ReadonlySet<string>,
  who: string,
  target: TraceTarget,
): void {
  const place = placeOf(probe, target, false);
  script.add(`${place.attach}\n${who}{\n@t${index}[tid] = nsecs;\n`);
  for (const name of kept) {
    const number = probe.parameters.findIndex((one) => one.name === name);
    if (number < 0) {
      throw new SkepError(
        badSpec(
          `\`${name}\` is no parameter of this probe`,
          script.whole,
          'name the parameters of the function: r::vfs_read(void *file, void *to, size_t count)',
        ),
        EXIT.usage,
      );
    }
    script.add(`@e${index}_${name}[tid] = (${probe.parameters[number]!.type})${place.argument(number + 1)};\n`);
  }
  script.add('}\n');
}

/** As its type wants it: texts are read, everything else is a number. */
function addValue(script: Script, { type, expression }: ArgdistSpec['values'][number], scope: Scope): void {
  const text = /^char \*$/.test(type);
  script.add(text ? 'str(' : `(${type.includes('*') ? 'uint64' : type})(`);
  addExpression(script, expression, scope);
  script.add(')');
}
