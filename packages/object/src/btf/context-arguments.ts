import { CONTEXTS } from '@skep/abi';
import type { ProgramSpec } from '../spec.ts';
import type { Btf } from './btf.ts';
import type { BtfBuilder } from './builder.ts';
import type { BtfId } from './model.ts';

/**
 * Global functions whose argument is tagged as the context (`__arg_ctx`), for kernels that do not read the tag (before 6.8):
 * those take an argument for the context by the name of its struct. So each function gets a twin for the types of programs
 * that it belongs to, with a pointer to an empty struct of that name. Newer kernels take the twins just as well.
 *
 * @param btf of the object, which `builder` has under the same ids; the twins are added to it
 * @returns by the name of each program that has such functions, the twin's type for the function's own
 */
export function retypeContexts(
  builder: BtfBuilder,
  btf: Btf,
  programs: readonly ProgramSpec[],
): ReadonlyMap<string, ReadonlyMap<BtfId, BtfId>> {
  const structs = new Map<string, BtfId>();
  const twins = new Map<string, BtfId>();
  const found = new Map<string, Map<BtfId, BtfId>>();
  for (const program of programs) {
    const struct = contextStruct(program);
    if (struct === undefined) continue;
    // The program itself is first, and is what it is by its type.
    for (const { type: id } of program.funcInfo.slice(1)) {
      const positions = taggedArguments(btf, id);
      if (positions.length === 0) continue;
      const key = `${id} ${struct}`;
      let twin = twins.get(key);
      if (twin === undefined) {
        const own = structs.get(struct) ?? builder.add({ kind: 'struct', name: struct, size: 0, members: [] });
        structs.set(struct, own);
        twin = addTwin(builder, id, positions, builder.add({ kind: 'ptr', type: own }));
        twins.set(key, twin);
      }
      const ofProgram = found.get(program.name) ?? new Map<BtfId, BtfId>();
      found.set(program.name, ofProgram.set(id, twin));
    }
  }
  return found;
}

const TAG = 'arg:ctx';

function taggedArguments(btf: Btf, id: BtfId): number[] {
  const func = btf.type(id);
  const proto = func.kind === 'func' && func.linkage === 'global' ? btf.type(func.type) : undefined;
  if (proto?.kind !== 'func_proto') return [];
  return [...proto.params.keys()].filter((i) => btf.tagsOf(id, i).includes(TAG));
}

function addTwin(builder: BtfBuilder, id: BtfId, positions: readonly number[], context: BtfId): BtfId {
  const func = builder.type(id);
  if (func.kind !== 'func') return id;
  const proto = builder.type(func.type);
  if (proto.kind !== 'func_proto') return id;
  const params = proto.params.map((one, i) => (positions.includes(i) ? { ...one, type: context } : one));
  const twin = builder.reserve();
  builder.set(twin, { ...func, type: builder.add({ ...proto, params }) });
  return twin;
}

/** What the kernel calls the context of a type of programs (include/linux/bpf_types.h); undefined where it has no name. */
function contextStruct({ hook }: ProgramSpec): string | undefined {
  if (hook === undefined) return undefined;
  const context = CONTEXTS.find((one) => one.programType === hook.programType);
  switch (context?.layout.kind) {
    case 'uapi':
    case 'btf':
      return context.layout.struct;
    case 'pt_regs':
      return 'bpf_user_pt_regs_t';
    case 'perf_event':
      return 'bpf_perf_event_data';
    case 'args':
      return hook.programType.startsWith('BPF_PROG_TYPE_RAW_TRACEPOINT') ? 'bpf_raw_tracepoint_args' : undefined;
    default:
      return undefined;
  }
}
