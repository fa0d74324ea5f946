/** Loops that end, and that the verifier need not follow round by round. */
import type { TreeNode } from '../source-tree.ts';
import type { Edit, Proposal } from './editing.ts';
import type { Site } from './site.ts';

/** E2116, E2117: a loop that ends, and that the verifier need not follow round by round. */
export function* boundLoop(site: Site): Generator<Proposal> {
  for (const { it } of loops(site)) {
    if (it.kind === 'for' && it.init !== undefined && it.condition !== undefined) {
      const counted = countedLoop(site, it);
      const condition = it.condition;
      yield {
        title: `end it after ${MOST_ROUNDS} rounds at the latest`,
        edits: counted
          ? [site.replace(condition, `${site.source(condition)} && ${counted.name} < ${MOST_ROUNDS}`)]
          : [],
      };
      if (counted && counted.to !== undefined && it.body.span.start > it.span.start) {
        const header: Edit = { start: it.span.start, end: it.body.span.start, text: '' };
        const declared = counted.declared ? `int ${counted.name};\n${site.indentAt(it.span.start)}` : '';
        yield {
          title: 'let bpf_for() count: its rounds are checked once',
          edits: [{ ...header, text: `${declared}bpf_for(${counted.name}, ${counted.from}, ${counted.to}) ` }],
        };
      }
    }
    if (it.kind === 'while' || (it.kind === 'for' && it.init === undefined)) {
      const { condition } = it;
      const always = condition === undefined || /^(1|true)$/.test(site.source(condition));
      const step = it.kind === 'for' && it.step !== undefined ? `, ${site.source(it.step)}` : '';
      const and = always ? '' : ` && (${site.source(condition!)})`;
      const header: Edit = { start: it.span.start, end: it.body.span.start, text: '' };
      yield {
        title: `end it after ${MOST_ROUNDS} rounds at the latest`,
        edits: [{ ...header, text: `for (int round = 0; round < ${MOST_ROUNDS}${and}; round++${step}) ` }],
      };
      if (always)
        yield {
          title: `let bpf_repeat() count to ${MOST_ROUNDS}: its rounds are checked once`,
          edits: [{ ...header, text: `bpf_repeat(${MOST_ROUNDS}) ` }],
        };
    }
  }
}

/** Around the refused place first, then the others of the function. */
function loops(site: Site): TreeNode[] {
  const { offset, statement } = site;
  const isLoop = (one: TreeNode) => (one.it.kind === 'for' || one.it.kind === 'while') && site.isWritten(one.it);
  const around = offset === undefined ? [] : site.tree.around(offset).filter(isLoop);
  const fn = statement?.fn;
  const others = site.tree.nodes.filter(
    (one) =>
      isLoop(one) && !around.includes(one) && (fn === undefined || one.fn === fn || one.fn.name !== site.program.name),
  );
  return [...around, ...others];
}

function countedLoop(site: Site, loop: TreeNode['it'] & { kind: 'for' }) {
  const init = loop.init === undefined ? undefined : site.source(loop.init);
  const found = /^(\w[\w\s]*\s)?\s*(\w+)\s*=\s*([^,;]+);?$/.exec(init ?? '');
  const condition = loop.condition === undefined ? '' : site.source(loop.condition);
  if (found === null) return undefined;
  const name = found[2]!;
  const upTo = new RegExp(`^${name}\\s*<\\s*([\\w.>()+*-]+)$`).exec(condition)?.[1];
  const byOne =
    loop.step !== undefined &&
    new RegExp(`^(${name}\\s*\\+\\+|\\+\\+\\s*${name}|${name}\\s*\\+=\\s*1)$`).test(site.source(loop.step));
  return { name, from: found[3]!.trim(), to: byOne ? upTo : undefined, declared: found[1] !== undefined };
}

const MOST_ROUNDS = 64;
