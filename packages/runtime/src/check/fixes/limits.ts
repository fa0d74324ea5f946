/** Limits of indexes and sizes. */
import type { Expr } from '@skep/compiler';
import { asArray, pointee, sizeOf } from '@skep/compiler';
import { indexIn, pointerOf } from '../naming.ts';
import { bare, type TreeNode } from '../source-tree.ts';
import { type Proposal, parenthesised } from './editing.ts';
import type { Site } from './site.ts';

/** E2106, E2107, E2110, E2118: an index is limited. */
export function* limitIndex(site: Site): Generator<Proposal> {
  const { statement } = site;
  if (statement === undefined) return;
  const found = indexAt(site);
  if (found === undefined) return;
  const { subscript, count } = found;
  const text = site.source(subscript);
  const signed = site.isSigned(subscript);
  const beyond = (name: string) => (signed ? `${name} < 0 || ${name} >= ${count}` : `${name} >= ${count}`);
  if (site.isSimple(text))
    yield {
      title: `leave when \`${text}\` is out of range`,
      edits: site.before(statement, site.leaveIf(beyond(text), statement.fn)),
    };
  else {
    const name = site.fresh('index');
    const type = signed ? 'int' : '__u32';
    yield {
      title: 'keep the index in a variable, and leave when it is out of range',
      edits: [
        ...site.before(statement, [`${type} ${name} = ${text};`, ...site.leaveIf(beyond(name), statement.fn)]),
        site.replace(subscript, name),
      ],
    };
  }
  if ((count & (count - 1)) === 0 && count > 1)
    yield {
      title: 'mask the index',
      edits: [site.replace(subscript, `${parenthesised(text)} & ${count - 1}`)],
    };
}

/** The same, where the compiler compares one copy of a variable and uses another. */
export function* limitCopy(site: Site): Generator<Proposal> {
  const { statement } = site;
  const found = indexAt(site);
  const text = found && site.source(found.subscript);
  if (statement === undefined || found === undefined || text === undefined || !site.isVariable(text)) return;
  const beyond = `${site.isSigned(found.subscript) ? `${text} < 0 || ` : ''}${text} >= ${found.count}`;
  yield {
    title: `keep the compiler from using another copy of \`${text}\` than was checked`,
    edits: site.before(statement, [`barrier_var(${text});`, ...site.leaveIf(beyond, statement.fn)]),
  };
}

interface Index {
  readonly subscript: Expr;
  /** How many elements there are. */
  readonly count: number;
}

/** The index at the refused place: of `a[i]`, or of `p + i` that is read through. */
function indexAt(site: Site): Index | undefined {
  const { offset, place } = site;
  if (offset === undefined) return undefined;
  const nodes = site.tree.around(offset).concat(site.tree.startingAt(offset));
  const near = (place && indexIn(place)) ?? (nodes.find(({ it }) => it.kind === 'index')?.it as Expr | undefined);
  const bytes = site.explanation.subject.size;
  if (near?.kind === 'index') {
    const count =
      (near.ofArray ? asArray(near.base.type)?.count : undefined) ?? (bytes && Math.floor(bytes / near.scale));
    return count ? { subscript: bare(near.subscript), count } : undefined;
  }
  const sum = sumAround(nodes) ?? (place && pointerOf(place) && sumIn(bare(pointerOf(place)!)));
  if (sum === undefined || sum.scale === undefined) return undefined;
  const array = bare(sum.left);
  const known = array.kind === 'cast' && array.op === 'decay' ? asArray(array.operand.type)?.count : undefined;
  const count = known ?? (bytes && Math.floor(bytes / sum.scale));
  return count ? { subscript: bare(sum.right), count } : undefined;
}

function sumAround(nodes: readonly TreeNode[]) {
  const found = nodes.find(({ it }) => it.kind === 'binary' && it.op === '+' && it.scale !== undefined)?.it;
  return found?.kind === 'binary' ? found : undefined;
}

function sumIn(expr: Expr): (Expr & { kind: 'binary' }) | undefined {
  let at = expr;
  while (at.kind === 'cast') at = at.operand;
  return at.kind === 'binary' && at.op === '+' && at.scale !== undefined ? at : undefined;
}

/** E2110: a number that is added to a pointer somewhere on the line is limited before. */
export function* limitAdded(site: Site): Generator<Proposal> {
  yield* limitIndex(site);
  const { statement, offset } = site;
  if (statement === undefined || offset === undefined) return;
  const numbers = new Set<string>();
  for (const { it } of site.tree.nodes) {
    if (it.span.start < statement.it.span.start || it.span.end > statement.it.span.end) continue;
    if (it.kind !== 'binary' && it.kind !== 'assign') continue;
    if (it.scale === undefined) continue;
    const number = bare(it.kind === 'binary' ? it.right : it.value);
    if (site.isWritten(number) && site.isSimple(site.source(number))) numbers.add(site.source(number));
  }
  const size = site.explanation.subject.size;
  for (const text of numbers)
    yield {
      title: `limit \`${text}\` before it is added`,
      edits: site.before(
        statement,
        site.leaveIf(
          `${text} < 0 || ${text} > ${size ?? 1500}`.replace(
            `${text} < 0 || `,
            isUnsigned(site, text) ? '' : `${text} < 0 || `,
          ),
          statement.fn,
        ),
      ),
    };
}

function isUnsigned(site: Site, text: string): boolean {
  const node = site.tree.nodes.find(
    ({ it }) => (it.kind === 'var' || it.kind === 'member') && site.source(it) === text,
  );
  return node !== undefined && 'type' in node.it && !site.isSigned(node.it);
}

/** E2106, E2109, E2111: the size that a helper is given. */
export function* limitSize(site: Site): Generator<Proposal> {
  const { statement, argument, call } = site;
  const number = site.explanation.subject.argument;
  if (statement === undefined || argument === undefined || call === undefined || number === undefined) return;
  const size = argument;
  const text = site.source(size);
  const buffer = call.args[number - 2];
  const room = buffer === undefined ? undefined : roomOf(site, bare(buffer));
  if (site.explanation.code === 'E2111') {
    if (site.isSimple(text))
      yield {
        title: `leave when \`${text}\` is 0`,
        edits: site.before(statement, site.leaveIf(`${text} == 0`, statement.fn)),
      };
    return;
  }
  if (room !== undefined && site.isVariable(text))
    yield {
      title: `limit \`${text}\` to the room that there is`,
      edits: site.before(statement, [`if (${text} > ${room.text})`, `${site.unit}${text} = ${room.text};`]),
    };
  if (room !== undefined && site.isSimple(text))
    yield {
      title: `leave when \`${text}\` is larger than the room that there is`,
      edits: site.before(statement, site.leaveIf(`${text} > ${room.text}`, statement.fn)),
    };
  if (site.isSimple(text))
    yield {
      title: `leave when \`${text}\` is negative`,
      edits: site.before(statement, site.leaveIf(`${text} < 0`, statement.fn)),
    };
  if (room?.bytes !== undefined && site.isSimple(text))
    yield {
      title: `leave when \`${text}\` is not between 1 and the room that there is`,
      edits: site.before(statement, site.leaveIf(`${text} <= 0 || ${text} > ${room.bytes}`, statement.fn)),
    };
  if (room?.bytes !== undefined && (room.bytes & (room.bytes - 1)) === 0)
    yield { title: 'mask the size', edits: [site.replace(size, `${parenthesised(text)} & ${room.bytes - 1}`)] };
}

/** Bytes behind a pointer that is passed, and how C says them. */
function roomOf(site: Site, buffer: Expr): { readonly text: string; readonly bytes: number | undefined } | undefined {
  const inner = buffer.kind === 'cast' ? bare(buffer.operand) : buffer;
  for (const one of [buffer, inner]) {
    const place = one.kind === 'address' ? one.place : one.kind === 'cast' && one.op === 'decay' ? one.operand : one;
    const bytes = sizeOf(place.type);
    if ((one.kind === 'address' || asArray(place.type)) && bytes !== undefined && site.isWritten(place))
      return { text: `sizeof(${site.source(place)})`, bytes };
  }
  const target = pointee(buffer.type);
  const bytes = target && sizeOf(target);
  return bytes && bytes > 1 ? { text: `sizeof(*${site.source(buffer)})`, bytes } : undefined;
}
