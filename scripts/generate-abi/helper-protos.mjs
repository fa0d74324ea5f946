import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What the verifier checks of helpers, out of the kernel's sources: each `struct bpf_func_proto`, and which of them a
 * type of program gets for a helper (`*_func_proto`, bound to types by `*_verifier_ops` and bpf_types.h).
 */
export function parseHelperProtos(sourceFolder) {
  const tree = unpackSources(sourceFolder);
  const protos = new Map();
  const sets = new Map();
  const setOfOps = new Map();
  const texts = cFiles(tree).map((path) =>
    readFileSync(path, 'utf8')
      .replace(/\/\*[\s\S]*?\*\//g, ' ')
      .replace(/^#.*$/gm, ''),
  );
  const lists = new Map();
  for (const text of texts) readBtfIdLists(text, lists);
  for (const text of texts) {
    for (const [, name, body] of text.matchAll(
      /struct bpf_func_proto\s+(?:__weak\s+)?(\w+)\s*(?:__weak\s*)?=\s*\{([\s\S]*?)\n\};/g,
    )) {
      protos.set(nameOfProto(name), parseProto(nameOfProto(name), body, lists));
    }
    for (const [, name, body] of text.matchAll(
      /\n(?:static )?const struct bpf_func_proto \*\s*(\w+)\(enum bpf_func_id func_id,[^{;]*\)\s*\{([\s\S]*?)\n\}/g,
    )) {
      sets.set(name, parseSet(body));
    }
    for (const [, name, body] of text.matchAll(
      /const struct bpf_verifier_ops (\w+)_verifier_ops = \{([\s\S]*?)\n\};/g,
    )) {
      const set = /\.get_func_proto\s*=\s*(\w+)/.exec(body);
      if (set) setOfOps.set(name, set[1]);
    }
  }
  const types = readFileSync(join(tree, 'include/linux/bpf_types.h'), 'utf8');
  const setOfType = {};
  for (const [, type, ops] of types.matchAll(/^BPF_PROG_TYPE\((\w+), (\w+),/gm)) {
    if (setOfOps.has(ops)) setOfType[type] = setOfOps.get(ops);
  }
  for (const { helpers, inherits } of sets.values()) {
    for (const [helper, proto] of Object.entries(helpers)) {
      if (!protos.has(proto)) throw new Error(`${helper} has the unknown prototype ${proto}`);
    }
    for (const one of inherits) if (!sets.has(one)) throw new Error(`no set ${one}`);
  }
  const used = new Set([...sets.values()].flatMap(({ helpers }) => Object.values(helpers)));
  return {
    protos: [...protos.values()].filter(({ name }) => used.has(name)).sort((a, b) => (a.name < b.name ? -1 : 1)),
    sets: Object.fromEntries([...sets].sort(([a], [b]) => (a < b ? -1 : 1))),
    setOfType,
  };
}

const nameOfProto = (variable) => variable.replace('_proto', '');

/** The few folders that hold prototypes of helpers. */
const MEMBERS = [
  'kernel/bpf/*.c',
  'kernel/trace/bpf_trace.c',
  'net/core/*.c',
  'net/ipv4/bpf_tcp_ca.c',
  'net/netfilter/nf_bpf_link.c',
  'drivers/media/rc/bpf-lirc.c',
  'include/linux/bpf_types.h',
];

function unpackSources(folder) {
  const archive = readdirSync(join(folder, 'usr/src')).find((name) => name.endsWith('.tar.xz'));
  const tree = archive.replace('.tar.xz', '');
  const path = join(folder, 'usr/src', tree);
  if (existsSync(join(path, '.unpacked'))) return path;
  const members = MEMBERS.map((member) => `${tree}/${member}`);
  execFileSync('tar', ['-xJf', archive, '--wildcards', ...members], { cwd: join(folder, 'usr/src') });
  writeFileSync(join(path, '.unpacked'), '');
  return path;
}

function cFiles(tree) {
  return readdirSync(tree, { recursive: true })
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(tree, name));
}

const SIZES = {
  u32: 4,
  int: 4,
  u64: 8,
  s64: 8,
  long: 8,
  'unsigned long': 8,
  'struct iphdr': 20,
  'struct tcphdr': 20,
  'struct ipv6hdr': 40,
};

const SOCK_TYPES = {
  SOCK: 'sock',
  SOCK_COMMON: 'sock_common',
  TCP: 'tcp_sock',
  TCP6: 'tcp6_sock',
  TCP_TW: 'tcp_timewait_sock',
  TCP_REQ: 'tcp_request_sock',
  UDP6: 'udp6_sock',
  UNIX: 'unix_sock',
  MPTCP: 'mptcp_sock',
  SOCKET: 'socket',
};
const TRACING_TYPES = { TASK: 'task_struct', FILE: 'file', VMA: 'vm_area_struct' };

function parseProto(name, body, lists) {
  const fields = Object.fromEntries(
    [...body.matchAll(/\.(\w+)\s*=\s*([^,]*)(?:,|$)/g)].map(([, key, value]) => [
      key,
      value.replace(/\s+/g, ' ').trim(),
    ]),
  );
  const proto = { name, result: fields.ret_type, args: [] };
  for (let index = 1; fields[`arg${index}_type`]; index++) {
    const arg = { kind: fields[`arg${index}_type`] };
    const size = fields[`arg${index}_size`];
    if (size) arg.size = sizeOf(size);
    const btf = fields[`arg${index}_btf_id`];
    if (btf) arg.struct = structOf(btf, lists);
    proto.args.push(arg);
  }
  if (fields.ret_btf_id) proto.resultStruct = structOf(fields.ret_btf_id, lists);
  if (fields.gpl_only === 'true') proto.gplOnly = true;
  if (fields.pkt_access === 'true') proto.packetAccess = true;
  if (fields.might_sleep === 'true') proto.mightSleep = true;
  return proto;
}

function sizeOf(text) {
  const size = SIZES[/^sizeof\((.*)\)$/.exec(text)?.[1]];
  if (size === undefined) throw new Error(`size '${text}' is not known`);
  return size;
}

/** `BTF_ID_LIST(list) BTF_ID(struct, a) …` and its one-line forms: the structs of each list. */
function readBtfIdLists(text, lists) {
  for (const [, name, struct] of text.matchAll(/BTF_ID_LIST(?:_GLOBAL)?_SINGLE\((\w+), struct, (\w+)\)/g))
    lists.set(name, [struct]);
  for (const [, name, ids] of text.matchAll(/BTF_ID_LIST\((\w+)\)((?:\s*BTF_ID\(\w+, \w+\))+)/g)) {
    lists.set(
      name,
      [...ids.matchAll(/BTF_ID\(\w+, (\w+)\)/g)].map(([, struct]) => struct),
    );
  }
}

function structOf(text, lists) {
  const sock = /BTF_SOCK_TYPE_(\w+)/.exec(text);
  const tracing = /BTF_TRACING_TYPE_(\w+)/.exec(text);
  const list = /^&(\w+)\[(\d)\]$/.exec(text);
  const name = sock
    ? SOCK_TYPES[sock[1]]
    : tracing
      ? TRACING_TYPES[tracing[1]]
      : list
        ? lists.get(list[1])?.[list[2]]
        : /^&(\w+)_id$/.exec(text)?.[1];
  // Not known until the verifier sees the argument.
  if (text === 'BPF_PTR_POISON') return '';
  if (!name) throw new Error(`type '${text}' is not known`);
  return name;
}

/** Prototypes that a function hands out, where they are not named after the helper. */
const GETTERS = {
  bpf_get_trace_printk_proto: 'bpf_trace_printk',
  bpf_get_trace_vprintk_proto: 'bpf_trace_vprintk',
  bpf_get_probe_write_proto: 'bpf_probe_write_user',
};

/**
 * One `*_func_proto`: the helpers of its cases, and the sets that it asks otherwise. What a case further depends on
 * (the attach type, capabilities) is left out.
 */
function parseSet(body) {
  const helpers = {};
  const inherits = [];
  let labels = [];
  let closed = false;
  for (const [, helper, proto, getter, set] of body.matchAll(
    /case BPF_FUNC_(\w+):|&(\w+_proto\w*)\b|(bpf_get_\w+_proto)\((?:func_id)?\)|(?<!->)\b(\w+_func_proto)\(func_id, prog\)/g,
  )) {
    if (helper) {
      if (closed) labels = [];
      closed = false;
      labels.push(`bpf_${helper}`);
    } else if (set) {
      if (!inherits.includes(set)) inherits.push(set);
    } else {
      closed = true;
      for (const label of labels) helpers[label] ??= getter ? (GETTERS[getter] ?? label) : nameOfProto(proto);
    }
  }
  return { helpers, inherits };
}
