/** What was taken is given back, what was entered is left. */
import type { TreeNode } from '../source-tree.ts';
import type { Proposal } from './editing.ts';
import type { Site } from './site.ts';

/** E2119 */
export function* release(site: Site): Generator<Proposal> {
  const { origin, callee } = site.explanation.subject;
  const make = RELEASE.find(([pattern]) => callee !== undefined && pattern.test(callee))?.[1];
  const { statement } = site;
  if (make === undefined || statement === undefined) return;
  const acquired = site.assignment(origin);
  if (acquired === undefined) return;
  const call = make(acquired.variable);
  yield* beforeLeaving(site, call, acquired.variable, acquired.statement);
}

const RELEASE: readonly (readonly [RegExp, (name: string) => string])[] = [
  [/^bpf_ringbuf_reserve$/, (name) => `bpf_ringbuf_discard(${name}, 0);`],
  [/^bpf_skc?_lookup/, (name) => `bpf_sk_release(${name});`],
  [/^bpf_task_(acquire|from_)/, (name) => `bpf_task_release(${name});`],
  [/^bpf_cgroup_(acquire|from_|ancestor)/, (name) => `bpf_cgroup_release(${name});`],
  [/^bpf_cpumask_(create|acquire)/, (name) => `bpf_cpumask_release(${name});`],
  [/^bpf_kptr_xchg/, (name) => `bpf_obj_drop(${name});`],
  [/^bpf_obj_new/, (name) => `bpf_obj_drop(${name});`],
];

/** E2129: what was entered is left. */
export function* leaveSection(site: Site): Generator<Proposal> {
  const { origin } = site.explanation.subject;
  const offset = site.offsetOfSlot(origin);
  if (offset === undefined) {
    return;
  }
  const entered =
    site.tree.around(offset).find(({ it }) => it.kind === 'call') ??
    site.tree.startingAt(offset).find(({ it }) => it.kind === 'call');
  const statement = site.tree.statementAt(offset);
  if (entered?.it.kind !== 'call' || statement === undefined) return;
  const name = site.source(entered.it);
  const leave = `${name
    .replace(/^bpf_spin_lock\(/, 'bpf_spin_unlock(')
    .replace(/^bpf_rcu_read_lock\(/, 'bpf_rcu_read_unlock(')
    .replace(/^bpf_preempt_disable\(/, 'bpf_preempt_enable(')};`;
  if (leave === `${name};`) return;
  yield* beforeLeaving(site, leave, undefined, statement);
  // A call that is not allowed in the section: leave before it.
  const again = site.text.slice(offset).indexOf(leave.slice(0, leave.indexOf('(')));
  const { call } = site;
  if (again < 0 || call === undefined || site.statement === undefined || site.statement.it.kind === 'return') return;
  const moved = site.source(site.statement.it);
  const unlock = offset + again;
  const behind = site.text.indexOf(';', unlock) + 1;
  const { start, end } = site.statement.it.span;
  if (unlock > end && site.statement.it.kind === 'expression') {
    const semicolon = site.text[end - 1] === ';' ? '' : ';';
    const line = /^\s*;?[ \t]*\n?[ \t]*/.exec(site.text.slice(end))![0].length;
    yield {
      title: 'call it after the section',
      edits: [
        { start, end: end + line, text: '' },
        { start: behind, end: behind, text: `\n${site.indentAt(start)}${moved}${semicolon}` },
      ],
    };
  }
}

function* beforeLeaving(site: Site, call: string, variable: string | undefined, from: TreeNode): Generator<Proposal> {
  const { statement } = site;
  if (statement === undefined) return;
  const title = `${call.replace(/;$/, '')} before it ends`;
  yield { title, edits: site.before(statement, [call]) };
  if (variable !== undefined)
    yield { title, edits: site.before(statement, [`if (${variable})`, `${site.unit}${call}`]) };
  // Where it goes out of scope.
  const block = from.parent?.it;
  if (block?.kind !== 'compound-stmt') return;
  const last = block.body.at(-1);
  const node = site.tree.nodes.find(({ it }) => it === last);
  if (node === undefined) return;
  const edits = node.it.kind === 'return' ? site.before(node, [call]) : site.after(node, [call]);
  if (edits.length > 0) yield { title, edits };
  const returns = site.tree.nodes.filter(
    ({ it, fn }) => it.kind === 'return' && fn === from.fn && it.span.start > from.it.span.end,
  );
  if (returns.length > 1) yield { title, edits: returns.flatMap((one) => site.before(one, [call])) };
}
