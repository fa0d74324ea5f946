import { PSEUDO_CALL, PSEUDO_IMM64 } from '@skep/abi';
import { SkepError } from '@skep/base';
import {
  type BpfMap,
  findKernelSymbols,
  type Handle,
  type Kernel,
  moduleBtf,
  modulesWithBtf,
  openModuleBtf,
} from '@skep/kernel';
import { type Btf, essentialName, type ProgramSpec, typesCompatible } from '@skep/object';
import { notInThisHome } from '../diagnostics.ts';

/** Instructions as the kernel takes them. */
export interface FilledCode {
  readonly code: Uint8Array;
  /** Types of modules that calls refer to by index, from 1 on; to be closed after the load. */
  readonly modules: readonly Handle[];
}

/** Descriptors and kernel addresses take the places that the object left for them. */
export function fillCode(
  kernel: Kernel,
  spec: ProgramSpec,
  maps: ReadonlyMap<string, BpfMap>,
  types: Btf | undefined,
): FilledCode {
  const code = spec.code.slice();
  const view = new DataView(code.buffer);
  const modules = new Modules();
  try {
    for (const reference of spec.references) {
      const at = reference.slot * 8;
      switch (reference.kind) {
        case 'map':
          setPseudo(view, at, PSEUDO_IMM64.map_fd);
          view.setInt32(at + 4, maps.get(reference.map)!.fd, true);
          break;
        case 'map-value':
          setPseudo(view, at, PSEUDO_IMM64.map_value);
          view.setInt32(at + 4, maps.get(reference.map)!.fd, true);
          view.setInt32(at + 12, reference.offset, true);
          break;
        case 'func':
          setPseudo(view, at, PSEUDO_IMM64.func);
          break;
        case 'kfunc': {
          const found = findTyped(kernel, modules, reference, types);
          if (found === undefined && !reference.weak) throw absent(kernel, spec, reference.name);
          setPseudo(view, at, found === undefined ? 0 : PSEUDO_CALL.kfunc);
          view.setInt16(at + 2, found?.module === undefined ? 0 : modules.indexOf(found.module), true);
          view.setInt32(at + 4, found?.id ?? ABSENT_KFUNC, true);
          break;
        }
        case 'ksym': {
          if (reference.btfId === 0) {
            const address = findKernelSymbols(reference.name)[0]?.address;
            if (address === undefined && !reference.weak) throw absent(kernel, spec, reference.name);
            setPseudo(view, at, 0);
            view.setUint32(at + 4, Number(BigInt.asUintN(32, address ?? 0n)), true);
            view.setUint32(at + 12, Number((address ?? 0n) >> 32n), true);
            break;
          }
          const found = findTyped(kernel, modules, reference, types);
          if (found === undefined && !reference.weak) throw absent(kernel, spec, reference.name);
          setPseudo(view, at, found === undefined ? 0 : PSEUDO_IMM64.btf_id);
          view.setInt32(at + 4, found?.id ?? 0, true);
          view.setInt32(at + 12, found?.module === undefined ? 0 : modules.open(found.module).fd, true);
        }
      }
    }
  } catch (error) {
    modules.close();
    throw error;
  }
  return { code, modules: modules.handles };
}

/** Whether the code calls a helper that prints to the kernel's trace. */
export function prints(code: Uint8Array): boolean {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = 0; at + 8 <= code.length; at += 8) {
    const opcode = view.getUint8(at);
    if (opcode === OP_LD_IMM64) at += 8;
    else if (opcode === OP_CALL && view.getUint8(at + 1) >> 4 === 0 && PRINTERS.has(view.getInt32(at + 4, true))) {
      return true;
    }
  }
  return false;
}

/** A helper that no kernel has: the verifier refuses the program only if the call can be reached. As libbpf's. */
const ABSENT_KFUNC = 2_002_000_000;
const OP_LD_IMM64 = 0x18;
const OP_CALL = 0x85;
/** bpf_trace_printk, bpf_trace_vprintk. */
const PRINTERS: ReadonlySet<number> = new Set([6, 177]);

interface Typed {
  readonly id: number;
  /** Undefined for the kernel itself. */
  readonly module: string | undefined;
}

/**
 * A function or variable of the kernel, by its name without the flavour and by its type: a program declares a function
 * twice that kernels have had with different arguments, and means the one that is there.
 */
function findTyped(
  kernel: Kernel,
  modules: Modules,
  reference: { readonly name: string; readonly btfId: number },
  types: Btf | undefined,
): Typed | undefined {
  const name = essentialName(reference.name);
  const declared = types?.type(reference.btfId);
  const kind = declared?.kind === 'func' ? 'func' : 'var';
  const local = declared?.kind === 'func' ? declared.type : reference.btfId;
  const inOne = (target: Btf): number | undefined => {
    const id = target.find(name, kind);
    const found = id === undefined ? undefined : target.type(id);
    if (found?.kind !== kind) return undefined;
    if (types === undefined) return id;
    return typesCompatible({ local: types, target }, types.resolve(local), target.resolve(found.type)) ? id : undefined;
  };
  const id = inOne(kernel.btf());
  if (id !== undefined) return { id, module: undefined };
  for (const module of modules.names) {
    const found = inOne(moduleBtf(module));
    if (found !== undefined) return { id: found, module };
  }
  return undefined;
}

/** Types of modules that the code of one program refers to. */
class Modules {
  readonly handles: Handle[] = [];
  private readonly opened: string[] = [];

  get names(): readonly string[] {
    return modulesWithBtf();
  }

  open(module: string): Handle {
    return this.handles[this.indexOf(module) - 1]!;
  }

  /** As calls name it: 0 is the kernel itself. */
  indexOf(module: string): number {
    let index = this.opened.indexOf(module);
    if (index < 0) {
      this.handles.push(openModuleBtf(module));
      index = this.opened.push(module) - 1;
    }
    return index + 1;
  }

  close(): void {
    for (const handle of this.handles) handle.close();
  }
}

function absent(kernel: Kernel, spec: ProgramSpec, name: string): SkepError {
  return new SkepError(
    notInThisHome(`\`${name}\`, which program \`${spec.name}\` asks for,`, `kernel ${kernel.release}`),
    5,
  );
}

/** The meaning of an immediate stands where the source register would. */
function setPseudo(view: DataView, at: number, source: number): void {
  view.setUint8(at + 1, (view.getUint8(at + 1) & 0x0f) | (source << 4));
}

/** `src_reg` of instructions that the kernel resolves (include/uapi/linux/bpf.h). */
