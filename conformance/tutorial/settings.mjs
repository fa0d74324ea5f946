// @ts-check
/**
 * What a lesson's own program sets before it loads, because its eBPF C leaves it open: sizes of maps, values of constants.
 *
 * @typedef {object} Settings
 * @property {Record<string, number | bigint>} [globals]
 * @property {Record<string, {maxEntries?: number, valueSize?: number}>} [maps]
 */

/** @type {Record<string, Settings>} by path below `src/` */
export const SETTINGS = {
  '16-memleak/memleak.bpf.c': { maps: { stack_traces: { maxEntries: 10_240, valueSize: 127 * 8 } } },
  '27-replace/replace.bpf.c': { globals: { filename_len: 8, text_len: 8 } },
  '32-wallclock-profiler/offcputime.bpf.c': { maps: { stackmap: { maxEntries: 10_240, valueSize: 127 * 8 } } },
  '32-wallclock-profiler/oncputime.bpf.c': { maps: { stackmap: { maxEntries: 10_240, valueSize: 127 * 8 } } },
};
