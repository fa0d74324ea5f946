/** What may mend a program at large: its licence, its section, its helpers, its maps, its loops, what it must give back. */
import type { Expr, FunctionDecl, VariableDecl } from '@skep/compiler';
import { asArray, printType, sizeOf, strip } from '@skep/compiler';
import { bare, rootVariable, type TreeNode } from '../source-tree.ts';
import type { Edit, Editing, Proposal } from './editing.ts';
import { endOfDeclarator } from './memory.ts';
import type { Site } from './site.ts';

/** E2114: a licence that lets it use everything. */
export function* licence(site: Site): Generator<Proposal> {
  const found = /(SEC\(\s*"license"\s*\)[^=;]*=\s*)"([^"]*)"/.exec(site.text);
  if (found === null) {
    const end = site.text.trimEnd().length;
    yield {
      title: 'say that the program is under the GPL',
      edits: [{ start: end, end, text: '\n\nchar LICENSE[] SEC("license") = "GPL";' }],
    };
  } else if (!/GPL/.test(found[2]!)) {
    const start = found.index + found[1]!.length;
    yield {
      title: 'put the program under a licence that is compatible with the GPL, if you may',
      edits: [{ start, end: start + found[2]!.length + 2, text: '"Dual BSD/GPL"' }],
    };
  }
}

/** Helpers that do the same for other types of programs, with the same arguments. */
const SIBLINGS: readonly (readonly string[])[] = [
  ['bpf_skb_load_bytes', 'bpf_xdp_load_bytes'],
  ['bpf_skb_store_bytes', 'bpf_xdp_store_bytes'],
  ['bpf_copy_from_user', 'bpf_probe_read_user'],
  ['bpf_skb_output', 'bpf_xdp_output', 'bpf_perf_event_output'],
  ['bpf_ktime_get_tai_ns', 'bpf_ktime_get_boot_ns', 'bpf_ktime_get_ns'],
  ['bpf_ktime_get_coarse_ns', 'bpf_ktime_get_ns'],
  ['bpf_get_current_task_btf', 'bpf_get_current_task'],
  ['bpf_probe_read', 'bpf_probe_read_kernel'],
  ['bpf_probe_read_str', 'bpf_probe_read_kernel_str'],
  ['bpf_clone_redirect', 'bpf_redirect'],
  ['bpf_sk_redirect_map', 'bpf_msg_redirect_map'],
  ['bpf_sk_redirect_hash', 'bpf_msg_redirect_hash'],
  ['bpf_sk_lookup_tcp', 'bpf_skc_lookup_tcp'],
  ['bpf_get_netns_cookie', 'bpf_get_socket_cookie'],
];

/** E2114: the helper that this type of program has instead. */
export function* otherHelper(site: Site): Generator<Proposal> {
  const { callee } = site.explanation.subject;
  const { offset } = site;
  if (callee === undefined || offset === undefined) return;
  const at = site.text.indexOf(callee, site.text.lastIndexOf('\n', offset) + 1);
  if (at < 0) return;
  for (const group of SIBLINGS) {
    if (!group.includes(callee)) continue;
    for (const other of group) {
      if (other === callee) continue;
      yield { title: `call ${other}() instead`, edits: [{ start: at, end: at + callee.length, text: other }] };
    }
  }
}

/** Sections of hooks that see the same with other rights. */
const OTHER_SECTIONS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^socket$/, ['tc', 'cgroup_skb/ingress']],
  [/^(tc|classifier|action)$/, ['cgroup_skb/ingress']],
  [/^cgroup_skb\//, ['tc']],
  [/^(fentry|fexit|fmod_ret|lsm|iter|uprobe|uretprobe)\//, ['.s/']],
  [/^(kprobe|kretprobe)\//, ['fentry/', 'fexit/']],
  [/^raw_tp\/|^raw_tracepoint\//, ['tp_btf/']],
  [/^sk_skb\//, ['sk_msg']],
];

/** E2113, E2114: the same at another hook. */
export function* otherSection(site: Site): Generator<Proposal> {
  const section = site.section();
  if (section === undefined) return;
  for (const [pattern, others] of OTHER_SECTIONS) {
    if (!pattern.test(section.text)) continue;
    for (const other of others) {
      const slash = section.text.indexOf('/');
      const text =
        other === '.s/'
          ? section.text.replace('/', '.s/')
          : other.endsWith('/') && slash >= 0
            ? other + section.text.slice(slash + 1)
            : other;
      yield {
        title: `attach it as SEC("${text}")`,
        edits: [{ start: section.start, end: section.end, text }],
      };
    }
  }
}

/** E2113: narrower or wider than the field is. */
export function* wholeField(site: Site): Generator<Proposal> {
  const { offset } = site;
  const place =
    offset === undefined ? undefined : site.tree.startingAt(offset).find(({ it }) => it.kind === 'deref')?.it;
  if (place?.kind !== 'deref') return;
  let at: Expr = place.pointer;
  while (at.kind === 'cast') at = at.operand;
  if (at.kind !== 'address' || !site.isWritten(at.place)) return;
  yield { title: 'read the field with its own size', edits: [site.replace(place, site.source(at.place))] };
}

/** E2115: what this kernel may not have is asked for first. */
export function* guard(site: Site): Generator<Proposal> {
  const { statement } = site;
  const { callee } = site.explanation.subject;
  if (statement === undefined) return;
  const conditions: [string, Edit[]][] = [];
  const { call } = site;
  const name = callee ?? (call && site.source(call).split('(')[0]);
  if (name !== undefined) {
    const declared = new RegExp(`(extern\\b[^;]*\\b${name}\\s*\\([^;]*\\))([^;]*);`).exec(site.text);
    if (declared !== null) {
      const end = declared.index + declared[1]!.length + declared[2]!.length;
      const weak: Edit[] = declared[2]!.includes('__weak') ? [] : [{ start: end, end, text: ' __weak' }];
      conditions.push([`bpf_ksym_exists(${name})`, weak]);
    }
    if (name.startsWith('bpf_'))
      conditions.push([
        `bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_${name.slice(4)})`,
        site.include('bpf/bpf_core_read.h'),
      ]);
  }
  const read = /BPF_CORE_READ\(([^()]*)\)/.exec(site.source(statement.it));
  if (read !== null) conditions.push([`bpf_core_field_exists(${read[1]!.split(/\s*,\s*/).join('->')})`, []]);
  const place = site.place;
  if (place !== undefined && site.isWritten(place))
    conditions.push([`bpf_core_field_exists(${site.source(place)})`, site.include('bpf/bpf_core_read.h')]);
  for (const [condition, more] of conditions) {
    if (statement.it.kind !== 'declare') {
      yield {
        title: `do it only where the kernel has it`,
        edits: [...more, ...wrapIf(site, statement, condition)],
      };
    }
    yield {
      title: `leave where the kernel does not have it`,
      edits: [...more, ...site.before(statement, site.leaveIf(`!${condition}`, statement.fn))],
    };
  }
}

function wrapIf(site: Site, statement: TreeNode, condition: string): Edit[] {
  const { start } = statement.it.span;
  return [{ start, end: start, text: `if (${condition})\n${site.indentAt(start)}${site.unit}` }];
}

/** E2126: the type of a map is made that which the helper takes. */
export function* mapType(site: Site): Generator<Proposal> {
  const { callee } = site.explanation.subject;
  const wanted = MAPS_OF.find(([pattern]) => callee !== undefined && pattern.test(callee))?.[1] ?? [];
  const name = site.call?.args
    .map((one) => rootVariable(one)?.name)
    .find((one) => one !== undefined && site.object.maps.some((map) => map.name === one));
  const definition = name === undefined ? undefined : mapDefinition(site, name);
  if (definition !== undefined) {
    const found = /__uint\(\s*type\s*,\s*(\w+)\s*\)/.exec(definition.text);
    for (const type of wanted) {
      if (found === null) break;
      const start = definition.start + found.index + found[0].lastIndexOf(found[1]!);
      const edits: Edit[] = [{ start, end: start + found[1]!.length, text: type }];
      yield { title: `make \`${name}\` a ${type}`, edits };
      yield {
        title: `make \`${name}\` a ${type} with keys and values that fit`,
        edits: [...edits, ...keysAndValues(definition, type)],
      };
    }
  }
  const flags = /[ \t]*__uint\(\s*map_flags\s*,\s*BPF_F_(RD|WR)ONLY_PROG\s*\)\s*;\n?/.exec(site.text);
  if (flags !== null)
    yield {
      title: 'let programs write the map',
      edits: [{ start: flags.index, end: flags.index + flags[0].length, text: '' }],
    };
  const root = (site.place && rootVariable(site.place)) ?? undefined;
  if (root !== undefined) {
    const before = site.text.slice(0, root.span.start);
    const start = before.lastIndexOf('const ');
    if (start >= 0 && !before.slice(start).includes(';'))
      yield {
        title: `make \`${root.name}\` a variable that is not const`,
        edits: [{ start, end: start + 6, text: '' }],
      };
  }
}

const MAPS_OF: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^bpf_tail_call/, ['BPF_MAP_TYPE_PROG_ARRAY']],
  [
    /^bpf_(redirect_map)$/,
    ['BPF_MAP_TYPE_DEVMAP', 'BPF_MAP_TYPE_DEVMAP_HASH', 'BPF_MAP_TYPE_CPUMAP', 'BPF_MAP_TYPE_XSKMAP'],
  ],
  [/^bpf_perf_event_/, ['BPF_MAP_TYPE_PERF_EVENT_ARRAY']],
  [/^bpf_ringbuf_/, ['BPF_MAP_TYPE_RINGBUF']],
  [/^bpf_get_stackid/, ['BPF_MAP_TYPE_STACK_TRACE']],
  [/^bpf_map_(push|pop|peek)_elem/, ['BPF_MAP_TYPE_QUEUE', 'BPF_MAP_TYPE_STACK']],
  [/^bpf_sk_storage/, ['BPF_MAP_TYPE_SK_STORAGE']],
  [/^bpf_task_storage/, ['BPF_MAP_TYPE_TASK_STORAGE']],
  [/^bpf_inode_storage/, ['BPF_MAP_TYPE_INODE_STORAGE']],
  [/^bpf_cgrp_storage/, ['BPF_MAP_TYPE_CGRP_STORAGE']],
  [/^bpf_(sk|msg)_redirect_map|bpf_sock_map_update/, ['BPF_MAP_TYPE_SOCKMAP']],
  [/^bpf_(sk|msg)_redirect_hash|bpf_sock_hash_update/, ['BPF_MAP_TYPE_SOCKHASH']],
  [/^bpf_map_(lookup|update|delete)_elem|bpf_for_each/, ['BPF_MAP_TYPE_HASH', 'BPF_MAP_TYPE_ARRAY']],
  [/^bpf_map_lookup_percpu_elem/, ['BPF_MAP_TYPE_PERCPU_ARRAY', 'BPF_MAP_TYPE_PERCPU_HASH']],
];

interface Definition {
  readonly start: number;
  readonly text: string;
}

/** `struct { … } name SEC(".maps")`. */
function mapDefinition(site: Site, name: string): Definition | undefined {
  const end = new RegExp(`}\\s*${name}\\s+SEC\\(\\s*"\\.maps"`).exec(site.text);
  if (end === null) return undefined;
  const start = site.text.lastIndexOf('struct', end.index);
  return start < 0 ? undefined : { start, text: site.text.slice(start, end.index) };
}

/** Rings have no keys, queues have none either, storage has the thread's own. */
function keysAndValues({ start, text }: Definition, type: string): Edit[] {
  const edits: Edit[] = [];
  const drop = (pattern: RegExp) => {
    const found = pattern.exec(text);
    if (found) edits.push({ start: start + found.index, end: start + found.index + found[0].length, text: '' });
  };
  const key = /\s*__(?:type|uint)\(\s*key(?:_size)?\s*,[^;]*;/;
  const value = /\s*__(?:type|uint)\(\s*value(?:_size)?\s*,[^;]*;/;
  const entries = /__uint\(\s*max_entries\s*,\s*([^)]*)\)/.exec(text);
  if (/RINGBUF/.test(type)) {
    drop(key);
    drop(value);
    if (entries) {
      const at = start + entries.index + entries[0].lastIndexOf(entries[1]!);
      edits.push({ start: at, end: at + entries[1]!.length, text: '4096' });
    }
  } else if (/QUEUE|_STACK$/.test(type)) drop(key);
  else if (/STORAGE/.test(type)) {
    if (entries) drop(/\s*__uint\(\s*max_entries\s*,[^;]*;/);
    const found = key.exec(text);
    if (found)
      edits.push({
        start: start + found.index,
        end: start + found.index + found[0].length,
        text: '\n\t__type(key, int);\n\t__uint(map_flags, BPF_F_NO_PREALLOC);',
      });
  } else if (/PROG_ARRAY|PERF_EVENT|STACK_TRACE|SOCKMAP/.test(type)) {
    const found = value.exec(text);
    const size = /STACK_TRACE/.test(type) ? '127 * sizeof(__u64)' : 'sizeof(__u32)';
    if (found)
      edits.push({
        start: start + found.index,
        end: start + found.index + found[0].length,
        text: `\n\t__uint(value_size, ${size});`,
      });
  }
  return edits.sort((a, b) => a.start - b.start);
}

// ── loops ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const MOST_ROUNDS = 64;

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

// ── resources ───────────────────────────────────────────────────────────────────────────────────────────────────────

const RELEASE: readonly (readonly [RegExp, (name: string) => string])[] = [
  [/^bpf_ringbuf_reserve$/, (name) => `bpf_ringbuf_discard(${name}, 0);`],
  [/^bpf_skc?_lookup/, (name) => `bpf_sk_release(${name});`],
  [/^bpf_task_(acquire|from_)/, (name) => `bpf_task_release(${name});`],
  [/^bpf_cgroup_(acquire|from_|ancestor)/, (name) => `bpf_cgroup_release(${name});`],
  [/^bpf_cpumask_(create|acquire)/, (name) => `bpf_cpumask_release(${name});`],
  [/^bpf_kptr_xchg/, (name) => `bpf_obj_drop(${name});`],
  [/^bpf_obj_new/, (name) => `bpf_obj_drop(${name});`],
];

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

// ── values, functions, stack ────────────────────────────────────────────────────────────────────────────────────────

/** E2120 */
export function* allowedReturn(site: Site): Generator<Proposal> {
  const { allowed } = site.explanation.subject;
  // BPF_PROG and its kin put the body into a function of their own.
  const names = [site.program.name, `____${site.program.name}`];
  const fns = site.tree.functions.filter((one) => names.includes(one.name));
  if (allowed === undefined) return;
  const [least, most] = allowed;
  const { offset } = site;
  const returns = site.tree.nodes.filter(
    (one) => one.it.kind === 'return' && fns.includes(one.fn) && site.isWritten(one.it),
  );
  const here = returns.filter(({ it }) => offset !== undefined && it.span.start <= offset && offset < it.span.end);
  const usual = least <= 0n && most >= 0n ? 0n : least;
  for (const node of [...here, ...returns.filter((one) => !here.includes(one))]) {
    if (node.it.kind !== 'return' || node.it.value === undefined) continue;
    const value = node.it.value;
    const text = site.source(value);
    const constant = bare(value).kind === 'int';
    if (constant) {
      const given = (bare(value) as Expr & { kind: 'int' }).value;
      if (given >= least && given <= most) continue;
      for (const other of least === 0n && most === 1n ? [1n, 0n] : [given > most ? most : least, usual])
        yield { title: `return ${other}`, edits: [site.replace(value, String(other))] };
      continue;
    }
    if (least === 0n && most === 1n)
      yield {
        title: 'return 1 for everything but 0',
        edits: [site.replace(value, `!!${/^[\w]+$/.test(text) ? text : `(${text})`}`)],
      };
    if (site.isSimple(text) && least !== most)
      yield {
        title: 'return only what is allowed',
        edits: site.before(node, [
          `if (${text} < ${least} || ${text} > ${most})`,
          `${site.unit}return ${least < 0n ? (least === -4095n ? '-1' : least) : most};`,
        ]),
      };
    yield { title: `return ${usual}`, edits: [site.replace(value, String(usual))] };
  }
}

/** E2112: a promise that the function makes, or no promise at all. */
export function* functionContract(site: Site): Generator<Proposal> {
  const { callee } = site.explanation.subject;
  const fn = site.tree.functions.find((one) => one.name === callee);
  if (fn === undefined) return;
  const line = site.text.lastIndexOf('\n', fn.span.start) + 1;
  const before = site.text.slice(line, fn.span.start);
  const start = /\S/.test(before) || !/\n\s*$/.test(site.text.slice(0, line)) ? line : fn.span.start;
  const head = /(^|\n)((?:__noinline|__attribute__\(\([^)]*\)\)|[A-Za-z_][\w \t*]*?)\s+\*?)$/.exec(
    site.text.slice(0, nameStart(site, fn)),
  );
  const at = head === null ? start : head.index + (head[1]?.length ?? 0);
  for (const param of fn.params) {
    if (strip(param.type).kind !== 'pointer') continue;
    const end = endOfDeclarator(site, param);
    for (const tag of ['__arg_nonnull', '__arg_trusted', '__arg_ctx'])
      yield { title: `promise with ${tag} what \`${param.name}\` is`, edits: [{ start: end, end, text: ` ${tag}` }] };
  }
  yield {
    title: `make ${fn.name}() static: it is checked with each call then`,
    edits: [{ start: at, end: at, text: 'static ' }],
  };
}

function nameStart(site: Site, fn: FunctionDecl): number {
  const found = new RegExp(`\\b${fn.name}\\s*\\(`).exec(site.text.slice(fn.span.start));
  return found === null ? fn.span.start : fn.span.start + found.index;
}

/** E2125: the largest variable of a function goes to a map with an entry for each CPU. */
export function* scratchMap(site: Editing): Generator<Proposal> {
  const candidates: { fn: FunctionDecl; variable: VariableDecl; bytes: number }[] = [];
  for (const fn of site.tree.functions) {
    for (const variable of site.tree.localsOf(fn)) {
      const bytes = sizeOf(variable.type) ?? 0;
      if (variable.storage === 'local' && bytes >= 64) candidates.push({ fn, variable, bytes });
    }
  }
  candidates.sort((a, b) => b.bytes - a.bytes);
  for (const { fn, variable } of candidates.slice(0, 4)) {
    const edits = intoMap(site, fn, variable);
    if (edits !== undefined)
      yield { title: `keep \`${variable.name}\` in a per-CPU array instead of on the stack`, edits };
  }
}

function intoMap(site: Editing, fn: FunctionDecl, variable: VariableDecl): Edit[] | undefined {
  const declared = site.declaration(variable);
  const body = fn.body;
  if (declared?.it.kind !== 'declare' || declared.it.variables.length !== 1 || body === undefined) return undefined;
  const { name } = variable;
  const array = asArray(variable.type);
  const edits: Edit[] = [];
  const map = `${name}_scratch`;
  const head = lineStartAbove(site, fn);
  const value = array ? printType(variable.type, name).replace(/;$/, '') : printType(variable.type);
  const typed = array ? `typedef ${printType(variable.type, `${map}_t`)};\n` : '';
  edits.push({
    start: head,
    end: head,
    text: `${typed}struct {\n${site.unit}__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);\n${site.unit}__uint(max_entries, 1);\n${site.unit}__type(key, __u32);\n${site.unit}__type(value, ${array ? `${map}_t` : value});\n} ${map} SEC(".maps");\n\n`,
  });
  const indent = site.indentAt(declared.it.span.start);
  const element = array ? printType(array.of, `*${name}`) : `${printType(variable.type)} *${name}`;
  const zero = variable.init === undefined ? [] : [`__builtin_memset(${name}, 0, ${sizeOf(variable.type)});`];
  const end =
    declared.it.span.end +
    (site.text[declared.it.span.end - 1] === ';'
      ? 0
      : (/^\s*;/.exec(site.text.slice(declared.it.span.end))?.[0].length ?? 0));
  edits.push({
    start: declared.it.span.start,
    end,
    text: [
      '__u32 zero = 0;',
      `${element} = (void *)bpf_map_lookup_elem(&${map}, &zero);`,
      ...site.leaveIf(`!${name}`, fn),
      ...zero,
    ].join(`\n${indent}`),
  });
  const rest = site.text.slice(end, body.span.end);
  const uses = new RegExp(
    `sizeof\\s*\\(\\s*${name}\\s*\\)|&\\s*${name}\\b(?!\\s*[.[])|\\b${name}\\s*\\.(?=\\s*\\w)|(?<![\\w.>])${name}\\b`,
    'g',
  );
  for (const found of rest.matchAll(uses)) {
    const [text] = found;
    const start = end + found.index;
    let now: string | undefined;
    if (text.startsWith('sizeof')) now = String(sizeOf(variable.type));
    else if (text.startsWith('&')) now = name;
    else if (!array && text.endsWith('.')) now = `${name}->`;
    if (now !== undefined) edits.push({ start, end: start + text.length, text: now });
  }
  return edits;
}

/** The line on which the function's definition begins, with what stands right above it. */
function lineStartAbove(site: Editing, fn: FunctionDecl): number {
  const before = site.text.slice(0, fn.span.start);
  const blank = before.lastIndexOf('\n\n');
  const semicolon = Math.max(before.lastIndexOf(';\n'), before.lastIndexOf('}\n'));
  if (blank > semicolon) return blank + 2;
  return semicolon < 0 ? 0 : semicolon + 2;
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

/** E2124: every path ends. */
export function* endFunction(site: Site): Generator<Proposal> {
  for (const fn of site.tree.functions) {
    const last = fn.body?.body.at(-1);
    if (last === undefined || last.kind === 'return' || fn.body === undefined) continue;
    const at = fn.body.span.end - 1;
    const result = strip(fn.type);
    if (result.kind !== 'function' || strip(result.result).kind === 'void') continue;
    yield { title: 'return a value at the end', edits: [{ start: at, end: at, text: `${site.unit}return 0;\n` }] };
  }
}

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

/** E2127: the address in place of the value, or a copy on the stack. */
export function* argumentType(site: Site): Generator<Proposal> {
  const { argument, statement } = site;
  if (argument === undefined || statement === undefined || !site.isWritten(argument)) return;
  const text = site.source(argument);
  let inner: Expr = argument;
  while (inner.kind === 'cast') inner = inner.operand;
  if (inner.kind === 'var' || inner.kind === 'member') {
    yield {
      title: `pass the address: \`&${site.source(inner)}\``,
      edits: [site.replace(argument, `&${site.source(inner)}`)],
    };
  }
  if (inner.kind === 'address')
    yield {
      title: `pass \`${site.source(inner.place)}\` itself`,
      edits: [site.replace(argument, site.source(inner.place))],
    };
  const target = strip(inner.type);
  if (target.kind === 'pointer' && strip(target.to).kind !== 'void') {
    yield {
      title: 'copy it to the stack first',
      edits: [
        ...site.before(statement, [
          `${printType(target.to, 'copy')};`,
          `bpf_probe_read_kernel(&copy, sizeof(copy), ${text});`,
        ]),
        site.replace(argument, '&copy'),
      ],
    };
  }
  if (target.kind === 'pointer')
    yield {
      title: 'copy it to the stack first',
      edits: [
        ...site.before(statement, [`${printType(strip(target.to), 'copy')} = *${text};`]),
        site.replace(argument, '&copy'),
      ],
    };
  const fn = site.tree.functions.find((one) => one === statement.fn);
  const context = fn?.params[0];
  if (context !== undefined && context.name !== text && strip(context.type).kind === 'pointer')
    yield { title: `pass the context, \`${context.name}\``, edits: [site.replace(argument, context.name)] };
  for (const map of site.object.maps) {
    if (map.data !== undefined || site.explanation.subject.argument !== 1) continue;
    yield { title: `pass the map \`${map.name}\``, edits: [site.replace(argument, `&${map.name}`)] };
  }
}
