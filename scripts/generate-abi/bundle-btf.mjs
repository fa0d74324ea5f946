import { Btf, BtfBuilder } from '../../packages/object/dist/index.js';
import { readKernelImage } from './kernel-image.mjs';

/** The bundled BTF of the kernel in an unpacked package, and its kfuncs: `[{name, flags}]`. */
export function bundleBtf(imageFolder) {
  const image = readKernelImage(imageFolder);
  const kernel = Btf.parse(image.btf);
  const kfuncs = findKfuncs(kernel, image.btfIds);
  return {
    btf: prune(kernel, new Set(kfuncs.map(({ id }) => id))),
    kfuncs: kfuncs
      .map(({ id, flags }) => ({ name: kernel.name(id), flags }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** `include/linux/btf_ids.h`: `struct btf_id_set8 { u32 cnt; u32 flags; struct { u32 id; u32 flags; } pairs[]; }`. */
const BTF_SET8_KFUNCS = 1;

/**
 * The sets of kfuncs stand in `.BTF_ids` without symbols, and are told by their shape: a small count, the kfunc flag,
 * then as many pairs of ascending ids that are all functions.
 */
function findKfuncs(kernel, ids) {
  const found = new Map();
  for (let at = 0; at + 8 <= ids.length; at += 4) {
    const count = ids.readUInt32LE(at);
    if (count === 0 || ids.readUInt32LE(at + 4) !== BTF_SET8_KFUNCS || at + 8 + count * 8 > ids.length) continue;
    const pairs = Array.from({ length: count }, (_, index) => ({
      id: ids.readUInt32LE(at + 8 + index * 8),
      flags: ids.readUInt32LE(at + 12 + index * 8),
    }));
    const ascending = pairs.every(({ id }, index) => index === 0 || pairs[index - 1].id < id);
    if (ascending && pairs.every(({ id }) => id > 0 && id < kernel.count && kernel.kind(id) === 'func')) {
      for (const pair of pairs) found.set(pair.id, pair);
    }
  }
  return [...found.values()];
}

/** Functions that macros of the kernel make out of others, and that nobody attaches to. */
const GENERATED_FUNCTIONS =
  /^(__do_sys_|__se_sys_|__ia32_|__se_compat|__do_compat|perf_trace_|trace_event_raw_event_|trace_raw_output_|__bpf_trace_|__traceiter_|__probestub_)/;
const ROOTS = new Set(['struct', 'union', 'enum', 'enum64', 'typedef', 'int', 'float', 'fwd']);

/**
 * The types that programs ask for: everything with a name but variables, and functions that can be attached to or
 * called. Functions go last, by name, which packs better; kfuncs get the decl_tag that newer kernels give them.
 */
function prune(kernel, kfuncs) {
  const keep = new Uint8Array(kernel.count);
  const pending = [];
  const mark = (id) => {
    if (id === 0 || keep[id]) return;
    keep[id] = 1;
    pending.push(id);
  };
  for (let id = 1; id < kernel.count; id++) {
    const kind = kernel.kind(id);
    if (ROOTS.has(kind) || (kind === 'func' && (kfuncs.has(id) || !GENERATED_FUNCTIONS.test(kernel.name(id)))))
      mark(id);
  }
  while (pending.length > 0) mapIds(kernel.type(pending.pop()), mark);

  const kept = [];
  const functions = [];
  for (let id = 1; id < kernel.count; id++) if (keep[id]) (kernel.kind(id) === 'func' ? functions : kept).push(id);
  functions.sort((a, b) => (kernel.name(a) < kernel.name(b) ? -1 : kernel.name(a) > kernel.name(b) ? 1 : a - b));
  kept.push(...functions);

  const builder = new BtfBuilder();
  const renumbered = new Uint32Array(kernel.count);
  for (const id of kept) renumbered[id] = builder.reserve();
  for (const id of kept)
    builder.set(
      renumbered[id],
      mapIds(kernel.type(id), (old) => renumbered[old]),
    );
  for (const id of functions) {
    if (kfuncs.has(id)) builder.add({ kind: 'decl_tag', name: 'bpf_kfunc', type: renumbered[id], component: -1 });
  }
  return builder.toBytes();
}

/** The type with each id of another type replaced by what `map` gives for it. */
function mapIds(type, map) {
  switch (type.kind) {
    case 'int':
    case 'float':
    case 'enum':
    case 'enum64':
    case 'fwd':
      return type;
    case 'array':
      return { ...type, type: map(type.type), index: map(type.index) };
    case 'struct':
    case 'union':
      return { ...type, members: type.members.map((member) => ({ ...member, type: map(member.type) })) };
    case 'func_proto':
      return {
        ...type,
        result: map(type.result),
        params: type.params.map((param) => ({ ...param, type: map(param.type) })),
      };
    case 'datasec':
      throw new Error('no section is kept');
    default:
      return { ...type, type: map(type.type) };
  }
}
