/** What may mend accesses: checks of packets, of NULL, of indexes and sizes, reads through helpers, first values. */
import type { Expr, VariableDecl } from '@skep/compiler';
import { asArray, pointee, printType, sizeOf, strip } from '@skep/compiler';
import { indexIn, isPlace, pointerOf } from '../naming.ts';
import { bare, rootVariable, type TreeNode } from '../source-tree.ts';
import type { Edit, Proposal } from './editing.ts';
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

const parenthesised = (text: string): string => (/^[\w>.-]+$|^\(.*\)$/.test(text) ? text : `(${text})`);

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

/** E2103 */
export function* nullCheck(site: Site): Generator<Proposal> {
  const { statement } = site;
  if (statement === undefined) return;
  const made = site.assignment(site.explanation.subject.origin);
  const pointer = nullablePointer(site) ?? made?.variable;
  if (pointer !== undefined && site.isSimple(pointer)) {
    const check = site.leaveIf(`!${pointer}`, statement.fn);
    yield { title: `leave when \`${pointer}\` is NULL`, edits: site.before(statement, check) };
  }
  if (made !== undefined)
    yield {
      title: `leave when \`${made.variable}\` is NULL`,
      edits: site.after(made.statement, site.leaveIf(`!${made.variable}`, made.statement.fn)),
    };
}

function nullablePointer(site: Site): string | undefined {
  if (site.argument !== undefined) {
    const { argument } = site;
    return site.source(argument.kind === 'binary' ? bare(argument.left) : argument);
  }
  const { place } = site;
  const pointer = place && pointerOf(place);
  if (pointer !== undefined) return site.source(bare(pointer));
  // Arithmetic: `v + 1`.
  const { offset } = site;
  const sum = offset === undefined ? undefined : site.tree.around(offset).find(({ it }) => it.kind === 'binary');
  return sum?.it.kind === 'binary' ? site.source(bare(sum.it.left)) : undefined;
}

/** E2102, E2121: memory of the kernel or of a process is read by a helper. */
export function* probeRead(site: Site): Generator<Proposal> {
  const { statement } = site;
  const refused = site.place;
  if (statement === undefined || refused === undefined || !site.isWritten(refused)) return;
  // Of `a->b->c` all at once.
  const place =
    site.tree
      .startingAt(refused.span.start)
      .map(({ it }) => it)
      .find(
        (it) => 'type' in it && isPlace(it) && it.span.end >= refused.span.end && memberChain(site, it) !== undefined,
      ) ?? refused;
  if (!('type' in place) || !isPlace(place)) return;
  const user = /^(tracepoint\/syscalls|tp\/syscalls|ksyscall|kretsyscall|uprobe|uretprobe|usdt)/.test(
    site.program.section,
  );
  const isWritten = site.tree.nodes.some(({ it }) => it.kind === 'assign' && it.place === place);
  if (isWritten) return;
  const chain = user ? undefined : memberChain(site, place);
  if (chain !== undefined)
    yield {
      title: 'read kernel memory with BPF_CORE_READ()',
      edits: [...site.include('bpf/bpf_core_read.h'), site.replace(place, `BPF_CORE_READ(${chain.join(', ')})`)],
    };
  const name = fresh(site, place.kind === 'member' ? (place.field.name ?? 'value') : 'value');
  const helper = user ? 'bpf_probe_read_user' : 'bpf_probe_read_kernel';
  yield {
    title: `read it with ${helper}()`,
    edits: [
      ...site.before(statement, [
        `${printType(strip(place.type), name)}${asArray(place.type) ? '' : ' = 0'};`,
        `${helper}(&${name}, sizeof(${name}), &${site.source(place)});`,
      ]),
      site.replace(place, name),
    ],
  };
}

/** `task->real_parent->tgid` as `task, real_parent, tgid`. */
function memberChain(site: Site, place: Expr): string[] | undefined {
  const names: string[] = [];
  let at: Expr = place;
  let dotted = '';
  for (;;) {
    at = at.kind === 'cast' && at.op === 'load' ? at.operand : bare(at);
    if (at.kind === 'member') {
      if (at.field.name !== undefined) dotted = dotted === '' ? at.field.name : `${at.field.name}.${dotted}`;
      at = at.place;
    } else if (at.kind === 'deref') {
      if (dotted === '') return undefined;
      names.unshift(dotted);
      dotted = '';
      at = at.pointer;
    } else break;
  }
  if (names.length === 0 || !site.isWritten(at)) return undefined;
  return [site.source(at), ...names];
}

function fresh(site: Site, wanted: string): string {
  let name = wanted;
  while (new RegExp(`\\b${name}\\b`).test(site.text.replace(new RegExp(`(->|\\.)\\s*${name}\\b`, 'g'), '')))
    name += '_';
  return name;
}

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
    const name = fresh(site, 'index');
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
      const at = endOfDeclarator(site, variable);
      yield { title: `give \`${variable.name}\` a first value`, edits: [{ start: at, end: at, text: ' = {}' }] };
    }
    yield {
      title: `write all bytes of \`${variable.name}\`, its padding too`,
      edits: site.after(declared, [`__builtin_memset(&${variable.name}, 0, sizeof(${variable.name}));`]),
    };
  }
}

/** Behind the name and its brackets. */
export function endOfDeclarator(site: Site, variable: VariableDecl): number {
  const from = variable.span.start;
  const rest = site.text.slice(from);
  const found = new RegExp(`^[^;,=]*?\\b${variable.name}\\b(\\s*\\[[^\\]]*\\])*`).exec(rest);
  return from + (found?.[0].length ?? 0);
}

/** E2105: a variable without a first value. */
export function* firstValue(site: Site): Generator<Proposal> {
  const { statement } = site;
  if (statement === undefined) return;
  const wanted = site.naming.variable(site.explanation.insn, site.explanation.subject.register ?? -1);
  for (const variable of site.tree.localsOf(statement.fn)) {
    if (variable.storage !== 'local' || variable.init !== undefined) continue;
    if (wanted !== undefined && variable.name !== wanted) continue;
    const at = endOfDeclarator(site, variable);
    const type = strip(variable.type);
    yield {
      title: `give \`${variable.name}\` a first value`,
      edits: [{ start: at, end: at, text: type.kind === 'record' || type.kind === 'array' ? ' = {}' : ' = 0' }],
    };
  }
}

/** E2108: alignment on the stack, or a struct that is not packed. */
export function* align(site: Site): Generator<Proposal> {
  const { place, statement } = site;
  const roots = new Set<VariableDecl>();
  for (const one of [place, ...(site.call?.args ?? [])]) {
    const root = one && rootVariable(one);
    if (root !== undefined) roots.add(root);
  }
  for (const variable of statement === undefined ? [] : site.tree.localsOf(statement.fn)) {
    if (variable.storage === 'local' && strip(variable.type).kind !== 'int') roots.add(variable);
  }
  for (const variable of roots) {
    if (variable.storage !== 'local' || strip(variable.type).kind === 'pointer') continue;
    const at = endOfDeclarator(site, variable);
    yield {
      title: `align \`${variable.name}\``,
      edits: [{ start: at, end: at, text: ' __attribute__((aligned(8)))' }],
    };
  }
  for (const found of site.text.matchAll(/\s*__attribute__\(\(packed\)\)|\s*\b__packed\b/g)) {
    const edit: Edit = { start: found.index, end: found.index + found[0].length, text: '' };
    yield { title: 'let the compiler align the members', edits: [edit] };
  }
  if (place !== undefined && statement !== undefined && site.isWritten(place)) {
    const name = fresh(site, 'copy');
    yield {
      title: 'copy it with __builtin_memcpy()',
      edits: [
        ...site.before(statement, [
          `${printType(strip(place.type), name)};`,
          `__builtin_memcpy(&${name}, &${site.source(place)}, sizeof(${name}));`,
        ]),
        site.replace(place, name),
      ],
    };
  }
}

/** E2121, E2122: one access for each branch. */
export function* accessPerBranch(site: Site): Generator<Proposal> {
  const { place } = site;
  const pointer = place && pointerOf(place);
  const root = pointer && rootVariable(pointer);
  if (place === undefined || root === undefined || !site.isWritten(place)) return;
  let value = root.init?.parts[0]?.value;
  while (value?.kind === 'cast') value = value.operand;
  if (value?.kind !== 'conditional') return;
  const text = site.source(place);
  const through = (to: Expr) =>
    text.replace(new RegExp(`^\\(*\\*?\\b${root.name}\\b`), (all) => all.replace(root.name, `(${site.source(to)})`));
  const cast = printType(root.type);
  const branch = (to: Expr) => through(to).replace(`(${site.source(to)})`, `((${cast})(${site.source(to)}))`);
  yield {
    title: 'read once for each branch',
    edits: [site.replace(place, `(${site.source(value.condition)} ? ${branch(value.then)} : ${branch(value.else)})`)],
  };
}
