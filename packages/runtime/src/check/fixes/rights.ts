/** What a program may do: its licence, its helpers, its section, fields of its context, what this kernel has. */
import type { Expr } from '@skep/compiler';
import type { TreeNode } from '../source-tree.ts';
import type { Edit, Proposal } from './editing.ts';
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
