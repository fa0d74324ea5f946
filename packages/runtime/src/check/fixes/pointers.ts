/** Pointers: checked for NULL, read through helpers, aligned, one for each branch, computed in 64 bits. */
import type { Expr, VariableDecl } from '@skep/compiler';
import { asArray, printType, strip } from '@skep/compiler';
import { isPlace, pointerOf } from '../naming.ts';
import { bare, rootVariable } from '../source-tree.ts';
import type { Edit, Proposal } from './editing.ts';
import type { Site } from './site.ts';

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
  const name = site.fresh(place.kind === 'member' ? (place.field.name ?? 'value') : 'value');
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

/** E2123: arithmetic in 64 bits, and on the side of the numbers. */
export function* pointerMath(site: Site): Generator<Proposal> {
  const { statement } = site;
  if (statement === undefined) return;
  const { start, end } = statement.it.span;
  const text = site.text.slice(start, end);
  for (const found of text.matchAll(/\((__u32|u32|int|unsigned|unsigned int|__s32|uint32_t)\)/g))
    yield {
      title: 'compute in 64 bits',
      edits: [{ start: start + found.index, end: start + found.index + found[0].length, text: '(long)' }],
    };
  for (const { it } of site.tree.nodes) {
    if (it.span.start < start || it.span.end > end || it.kind !== 'binary' || !site.isWritten(it)) continue;
    const right = bare(it.right);
    const left = bare(it.left);
    if (['>', '>=', '<', '<='].includes(it.op)) {
      for (const [one, other, side] of [
        [left, right, 'right'],
        [right, left, 'left'],
      ] as const) {
        if (other.kind !== 'binary' || other.op !== '-' || other.scale === undefined) continue;
        const moved = `${site.source(one)} + ${site.source(bare(other.right))}`;
        const kept = site.source(bare(other.left));
        yield {
          title: 'add to the pointer instead of subtracting from the end',
          edits: [site.replace(it, side === 'right' ? `${moved} ${it.op} ${kept}` : `${kept} ${it.op} ${moved}`)],
        };
      }
    }
    if (it.op === '&' || it.op === '|') {
      const inner = left.kind === 'cast' ? left : undefined;
      if (inner !== undefined && ['pointer', 'array'].includes(strip(bare(inner.operand).type).kind))
        yield { title: 'leave the pointer as it is', edits: [site.replace(it, site.source(left))] };
    }
    if (it.op === '+' && it.scale === undefined) {
      for (const [pointer, number] of [
        [left, right],
        [right, left],
      ] as const)
        yield { title: `add to \`${site.source(pointer)}\` alone`, edits: [site.replace(number, '0')] };
    }
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
    const at = site.endOfDeclarator(variable);
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
    const name = site.fresh('copy');
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
