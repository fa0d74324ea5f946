import type { ProbeContext } from './contexts.ts';
import * as say from './diagnostics.ts';
import { lowerBody } from './lower/body.ts';
import { Lowering, type Shared } from './lower/lowering.ts';
import { type ArrowFunction, spanOf } from './syntax.ts';

/** The C function of one probe. Problems are added to the diagnostics; what cannot be gone on from is thrown. */
export function lowerProbe(shared: Shared, body: ArrowFunction, context: ProbeContext, name: string): string {
  const lowering = new Lowering(shared, context, undefined);
  const { params } = body;
  const most = context.object ? 1 : context.args.length;
  if (params.length > most) {
    shared.diagnostics.add(
      say.wrongCount(
        'the probe',
        `at most ${most} ${most === 1 ? 'parameter' : 'parameters'} here`,
        spanOf(shared.module.file, params[most]!),
      ),
    );
    return '';
  }
  for (const [i, param] of params.entries()) {
    if (param.type !== 'Identifier') {
      shared.diagnostics.add(say.unsupported('destructuring', spanOf(shared.module.file, param)));
      return '';
    }
    lowering.bind(param.name, {
      kind: 'const',
      value: context.object ? { type: { kind: 'context' }, c: 'ctx' } : context.args[i]!,
    });
  }
  const ends = lowerBody(lowering, body);
  if (context.result !== 'nothing' && !ends)
    shared.diagnostics.add(
      say.noReturn(context.object?.what ?? 'this probe', context.resultText, {
        ...spanOf(shared.module.file, body),
        start: Math.max(body.start ?? 0, (body.end ?? 1) - 1),
      }),
    );
  return [
    `SEC("${context.section}")`,
    `int ${name}(${context.c}ctx)`,
    '{',
    ...lowering.lines,
    '  return 0;',
    '}',
    '',
  ].join('\n');
}
