/** Changes of assembly. */
import type { Proposal } from './editing.ts';
import type { Site } from './site.ts';

/** E2105 in assembly: a register is set first, or one that calls keep is taken. */
export function* assembly(site: Site): Generator<Proposal> {
  const { register } = site.explanation.subject;
  const asm = site.statementOfAssembly;
  if (asm === undefined || register === undefined) return;
  const { start, end } = asm.span;
  const text = site.text.slice(start, end);
  const first = text.indexOf('"') + 1;
  if (register > 0 && register < 6) {
    const kept = [6, 7, 8, 9].find((one) => !new RegExp(`\\br${one}\\b`).test(text));
    if (kept !== undefined)
      yield {
        title: `keep the value in r${kept}, which calls do not touch`,
        edits: [{ start, end, text: text.replace(new RegExp(`\\br${register}\\b`, 'g'), `r${kept}`) }],
      };
  }
  yield {
    title: `set r${register} first`,
    edits: [{ start: start + first, end: start + first, text: `r${register} = 0;` }],
  };
}

/** E2124 in assembly: code behind `exit` goes, an `exit` comes. */
export function* assemblyEnd(site: Site): Generator<Proposal> {
  const asm = site.statementOfAssembly;
  if (asm === undefined) return;
  const { start } = asm.span;
  const text = site.text.slice(start, asm.span.end);
  const strings = [...text.matchAll(/\s*"([^"]*)"/g)];
  const colon = text.indexOf(':', strings.findLast((one) => /;\s*$/.test(one[1]!))?.index ?? 0);
  const template = strings.filter((one) => colon < 0 || one.index < colon);
  const exits = template.findIndex((one) => /\bexit\b/.test(one[1]!));
  const dead = template.slice(exits + 1);
  if (exits >= 0 && dead.length > 0)
    yield {
      title: 'remove what nothing reaches',
      edits: dead.map((one) => ({ start: start + one.index, end: start + one.index + one[0].length, text: '' })),
    };
  const last = template.at(-1);
  if (last === undefined) return;
  const at = start + last.index + last[0].length - 1;
  yield { title: 'end with exit', edits: [{ start: at, end: at, text: ' exit;' }] };
}
