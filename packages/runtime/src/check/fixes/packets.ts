/** Checks against the end of the packet. */
import type { Expr, VariableDecl } from '@skep/compiler';
import { strip } from '@skep/compiler';
import { indexIn, pointerOf } from '../naming.ts';
import { bare, rootVariable } from '../source-tree.ts';
import { type Proposal, parenthesised } from './editing.ts';
import type { Site } from './site.ts';

/** E2101 */
export function* packetCheck(site: Site): Generator<Proposal> {
  const { statement } = site;
  if (statement === undefined) return;
  const end = site.packetEnd(statement.fn);
  if (end === undefined) return;
  const size = site.argument === undefined ? undefined : sizeArgument(site);
  const behind =
    site.argument !== undefined
      ? `(void *)${site.source(site.argument)} + ${size ?? 1}`
      : behindPlace(site, site.place);
  if (behind === undefined) return;
  const check = site.leaveIf(`${behind} > ${end}`, statement.fn);
  yield { title: 'compare with the end of the packet before', edits: site.before(statement, check) };
  for (const index of variableOffsets(site))
    yield {
      title: `limit \`${index}\`, and compare with the end of the packet before`,
      edits: site.before(statement, [...site.leaveIf(`${index} > 1500`, statement.fn), ...check]),
    };
}

/** The C text of the address behind a place. */
function behindPlace(site: Site, place: Expr | undefined): string | undefined {
  if (place === undefined) return undefined;
  const pointer = pointerOf(place);
  if (pointer === undefined || !site.isWritten(place)) return undefined;
  const base = bare(pointer);
  const text = site.source(base);
  const index = indexIn(place);
  if (index !== undefined && !index.ofArray) {
    const subscript = bare(index.subscript);
    return subscript.kind === 'int'
      ? `(void *)(${text} + ${subscript.value + 1n})`
      : `(void *)(${text} + ${site.source(subscript)} + 1)`;
  }
  return site.isVariable(text) ? `(void *)(${text} + 1)` : `(void *)(${parenthesised(text)} + 1)`;
}

/** Variables that were added to the pointer of the refused place where it was made. */
function variableOffsets(site: Site): string[] {
  const place = site.place ?? site.argument;
  const root = place && pointerOf(place) && rootVariable(pointerOf(place)!);
  const found = new Set<string>();
  const index = place && indexIn(place);
  if (index && bare(index.subscript).kind !== 'int') found.add(site.source(bare(index.subscript)));
  for (const { it } of site.tree.nodes) {
    if (it.kind !== 'binary' || it.op !== '+' || it.scale === undefined) continue;
    const right = bare(it.right);
    if (root !== undefined && rootVariable(it.left) === undefined) continue;
    if (right.kind === 'var' || right.kind === 'member') found.add(site.source(right));
  }
  return [...found].filter((one) => site.isSimple(one));
}

function sizeArgument(site: Site): string | undefined {
  const { argument } = site.explanation.subject;
  const next = argument === undefined ? undefined : site.call?.args[argument];
  return next && site.source(bare(next));
}

/** E2102 behind a call that may move the packet: everything that points into it is made again. */
export function* readPacketAgain(site: Site): Generator<Proposal> {
  const { statement } = site;
  const call = site.offsetOfSlot(site.explanation.subject.origin);
  if (statement === undefined || call === undefined) return;
  const { fn } = statement;
  const lines: string[] = [];
  const fresh = new Set<VariableDecl>();
  for (const variable of site.tree.localsOf(fn)) {
    const init = variable.init?.parts[0]?.value;
    if (variable.span.start > call || init === undefined || strip(variable.type).kind !== 'pointer') continue;
    const text = site.source(init);
    const root = rootsOf(init);
    if (!/->data(_end|_meta)?\b/.test(text) && !root.some((one) => fresh.has(one))) continue;
    fresh.add(variable);
    lines.push(`${variable.name} = ${text};`);
  }
  const end = site.packetEnd(fn);
  const behind = behindPlace(site, site.place);
  if (lines.length === 0 || end === undefined || behind === undefined) return;
  yield {
    title: 'read the pointers again after the call, and compare again',
    edits: site.before(statement, [...lines, ...site.leaveIf(`${behind} > ${end}`, fn)]),
  };
}

function rootsOf(expr: Expr): VariableDecl[] {
  switch (expr.kind) {
    case 'binary':
      return [...rootsOf(expr.left), ...rootsOf(expr.right)];
    case 'cast':
    case 'unary':
      return rootsOf(expr.operand);
    default: {
      const root = rootVariable(expr);
      return root === undefined ? [] : [root];
    }
  }
}
