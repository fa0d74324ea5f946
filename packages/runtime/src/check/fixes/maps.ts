/** A map of the type that a helper takes. */
import { rootVariable } from '../source-tree.ts';
import type { Edit, Proposal } from './editing.ts';
import type { Site } from './site.ts';

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
