/** First values of variables. */
import { strip } from '@skep/compiler';
import { rootVariable } from '../source-tree.ts';
import type { Proposal } from './editing.ts';
import type { Site } from './site.ts';

/** E2118: what is read was never written. */
export function* initialise(site: Site): Generator<Proposal> {
  const { statement } = site;
  if (statement === undefined) return;
  const args = site.call?.args ?? [];
  const { argument } = site.explanation.subject;
  const chosen = argument === undefined ? args : [args[argument - 1], ...args];
  const variables = new Set(
    [...chosen.filter((one) => one !== undefined), ...(site.place ? [site.place] : [])].map(rootVariable),
  );
  for (const variable of variables) {
    if (variable === undefined || variable.storage !== 'local') continue;
    const declared = site.declaration(variable);
    if (declared === undefined) continue;
    if (variable.init === undefined) {
      const at = site.endOfDeclarator(variable);
      yield { title: `give \`${variable.name}\` a first value`, edits: [{ start: at, end: at, text: ' = {}' }] };
    }
    yield {
      title: `write all bytes of \`${variable.name}\`, its padding too`,
      edits: site.after(declared, [`__builtin_memset(&${variable.name}, 0, sizeof(${variable.name}));`]),
    };
  }
}

/** E2105: a variable without a first value. */
export function* firstValue(site: Site): Generator<Proposal> {
  const { statement } = site;
  if (statement === undefined) return;
  const wanted = site.naming.variable(site.explanation.insn, site.explanation.subject.register ?? -1);
  for (const variable of site.tree.localsOf(statement.fn)) {
    if (variable.storage !== 'local' || variable.init !== undefined) continue;
    if (wanted !== undefined && variable.name !== wanted) continue;
    const at = site.endOfDeclarator(variable);
    const type = strip(variable.type);
    yield {
      title: `give \`${variable.name}\` a first value`,
      edits: [{ start: at, end: at, text: type.kind === 'record' || type.kind === 'array' ? ' = {}' : ' = 0' }],
    };
  }
}
