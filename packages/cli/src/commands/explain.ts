import { EXIT, SkepError, suggest } from '@skep/base';
import { parseFormat, SCHEMA, toJson } from '@skep/view';
import type { Call } from '../command.ts';
import { noSuchCode } from '../diagnostics.ts';
import { find, knownCodes, text } from '../explain/pages.ts';

/** `skep explain CODE` */
export async function execute(call: Call): Promise<number> {
  const format = parseFormat(call.options.text('output') ?? 'table');
  const code = call.args[0]!.toUpperCase();
  const found = find(code);
  if (found === undefined) throw new SkepError(noSuchCode(call.args[0]!, suggest(code, knownCodes)), EXIT.usage);
  if (format.kind === 'json' || format.kind === 'jsonl') {
    const story = found.kind === 'story' ? found.story : found.kind === 'remark' ? found.remark : { code: found.code };
    call.io.out(
      `${toJson({ schema: SCHEMA, family: found.family.title, ...story }, format.kind === 'json' ? 2 : 0)}\n`,
    );
  } else call.io.out(`${text(found)}\n`);
  return EXIT.ok;
}
