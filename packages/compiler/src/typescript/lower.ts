import type { ProbeContext } from './contexts.ts';
import * as say from './diagnostics.ts';
import { lowerBody } from './lower/body.ts';
import { Lowering, type Shared } from './lower/lowering.ts';
import type { Value } from './lower/value.ts';
import { bindPattern } from './lower/variables.ts';
import { placed } from './origins.ts';
import { type AnyFunction, spanOf } from './syntax.ts';

/** The C function of one probe. Problems are added to the diagnostics; what cannot be gone on from is thrown. */
export function lowerProbe(shared: Shared, body: AnyFunction, context: ProbeContext, name: string): string {
  const lowering = new Lowering(shared, context, undefined);
  const { params } = body;
  const most = context.object ? 1 : context.args.length;
  if (params.length > most) {
    shared.diagnostics.add(
      say.wrongCount(
        'the probe',
        `at most ${most} ${most === 1 ? 'parameter' : 'parameters'} here`,
        spanOf(shared.home.file, params[most]!),
      ),
    );
    return '';
  }
  for (const [i, param] of params.entries()) {
    const value: Value = context.object ? { type: { kind: 'context' }, c: 'ctx' } : context.args[i]!;
    if (param.type === 'Identifier') lowering.bind(param.name, { kind: 'const', value });
    else if (param.type === 'ObjectPattern') lowering.attempt(() => bindPattern(lowering, param, value));
    else {
      shared.diagnostics.add(say.unsupported('destructuring', spanOf(shared.home.file, param)));
      return '';
    }
  }
  const ends = lowerBody(lowering, body);
  if (context.result !== 'nothing' && !ends)
    shared.diagnostics.add(
      say.noReturn(context.object?.what ?? 'this probe', context.resultText, {
        ...spanOf(shared.home.file, body),
        start: Math.max(body.start ?? 0, (body.end ?? 1) - 1),
      }),
    );
  return [
    `SEC("${context.section}")`,
    placed(`int ${name}(${context.c}ctx)`, shared.home.index, body.start),
    '{',
    ...(context.first === undefined ? [] : [context.first]),
    ...lowering.lines,
    placed('  return 0;', shared.home.index, (body.end ?? 1) - 1),
    '}',
    '',
  ].join('\n');
}
