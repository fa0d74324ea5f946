// @ts-check
/**
 * What a lesson's own program sets before it loads, because its eBPF C leaves it open: sizes of maps, values of constants.
 *
 * @typedef {object} Settings
 * @property {Record<string, number | bigint>} [globals]
 * @property {string} [types] C of what the probed program's own types are
 * @property {Record<string, {maxEntries?: number, valueSize?: number}>} [maps]
 */

/** What lesson 38 probes: a program's own structures. */
const PROBED = { types: 'struct data { int a; int c; int d; } any;' };
const PROBED_DEEPLY = {
  types:
    'struct deep_memory_block { int a; char b[10]; };' +
    'struct inner_memory_block { int a; char b[10]; struct deep_memory_block *deep; };' +
    'struct data { int a; int b; int c; int d; struct inner_memory_block *inner; } any;' +
    'struct inner_memory_block inner; struct deep_memory_block deep;',
};

/** @type {Record<string, Settings>} by path below `src/` */
export const SETTINGS = {
  '16-memleak/memleak.bpf.c': { maps: { stack_traces: { maxEntries: 10_240, valueSize: 127 * 8 } } },
  '27-replace/replace.bpf.c': { globals: { filename_len: 8, text_len: 8 } },
  '32-wallclock-profiler/offcputime.bpf.c': { maps: { stackmap: { maxEntries: 10_240, valueSize: 127 * 8 } } },
  '32-wallclock-profiler/oncputime.bpf.c': { maps: { stackmap: { maxEntries: 10_240, valueSize: 127 * 8 } } },
  '38-btf-uprobe/uprobe.bpf.c': PROBED,
  '38-btf-uprobe/test-verify/verify-failed-no-btf/uprobe.bpf.c': PROBED,
  '38-btf-uprobe/test-verify/verify-failed-no-btf/uprobe_failed.bpf.c': PROBED,
  '38-btf-uprobe/test-verify/verify-memory-access/uprobe.bpf.c': PROBED_DEEPLY,
  '38-btf-uprobe/test-verify/verify-memory-access/uprobe_failed.bpf.c': PROBED,
};
