import type { Btf } from '../btf/btf.ts';
import { essentialName } from '../btf/flavour.ts';
import type { BtfId, CoreKind, CoreRelocation } from '../btf/model.ts';
import { coreAmbiguous, coreMalformed } from '../diagnostics.ts';
import type { ProgramSpec } from '../spec.ts';
import { type Access, describeAccess, nameOfType, parseAccess } from './access.ts';
import { sameKind } from './compatible.ts';
import { matchAccess } from './match.ts';
import { patchInstruction, poison } from './patch.ts';
import { type CoreValue, coreValue } from './value.ts';

/** What became of one CO-RE relocation. */
export interface CoreOutcome {
  readonly slot: number;
  readonly kind: CoreKind;
  /** What the program asked for: `struct task_struct.pid at byte 12`. */
  readonly spec: string;
  /** What it was found as in the kernel; undefined when the kernel does not have it. */
  readonly found: string | undefined;
  readonly compiled: bigint;
  /** What the instruction has now; undefined when it was poisoned. */
  readonly value: bigint | undefined;
  /** The kernel does not have the field: the verifier refuses the program if it can come here. */
  readonly poisoned: boolean;
}

/**
 * Fits code to a kernel: each relocation names a field, a type or an enumerator in the program's own BTF, which is looked
 * up by name in the kernel's, and the instruction gets the kernel's offset, size or value. The rules are those of
 * libbpf. `code` is not changed.
 * @throws SkepError E32xx, and E31xx for damaged BTF
 */
export function relocateCore(
  code: Uint8Array,
  relocations: readonly CoreRelocation[],
  local: Btf,
  target: Btf,
): { readonly code: Uint8Array; readonly outcomes: readonly CoreOutcome[] } {
  const patched = new Uint8Array(code);
  const resolver = new Resolver(local, target);
  const outcomes = relocations.map((relocation): CoreOutcome => {
    const { slot, kind } = relocation;
    if (slot < 0 || (slot + 1) * 8 > code.length) throw coreMalformed(slot, 'there is no such instruction');
    const { spec, found, compiled, wanted } = resolver.resolve(relocation);
    const common = { slot, kind, spec, found, compiled: compiled.value };
    if (wanted && !patchInstruction(patched, slot, spec, compiled, wanted))
      return { ...common, value: wanted.value, poisoned: false };
    if (!wanted) poison(patched, slot);
    return { ...common, value: undefined, poisoned: true };
  });
  return { code: patched, outcomes };
}

/** {@link relocateCore} of a program with everything that was appended to it. */
export function applyCore(program: ProgramSpec, local: Btf, target: Btf): ReturnType<typeof relocateCore> {
  return relocateCore(program.code, program.core, local, target);
}

interface Resolution {
  readonly spec: string;
  readonly found: string | undefined;
  readonly compiled: CoreValue;
  /** undefined: poison. */
  readonly wanted: CoreValue | undefined;
}

class Resolver {
  private readonly local: Btf;
  private readonly target: Btf;
  private readonly candidates = new Map<BtfId, BtfId[]>();
  /** Programs ask for the same fields again and again. */
  private readonly known = new Map<string, Resolution>();

  constructor(local: Btf, target: Btf) {
    this.local = local;
    this.target = target;
  }

  resolve(relocation: CoreRelocation): Resolution {
    const key = `${relocation.kind} ${relocation.type} ${relocation.access}`;
    let resolution = this.known.get(key);
    if (!resolution) {
      resolution = this.resolveOnce(relocation);
      this.known.set(key, resolution);
    }
    return resolution;
  }

  private resolveOnce(relocation: CoreRelocation): Resolution {
    const { slot, kind, type } = relocation;
    const access = parseAccess(this.local, relocation);
    const spec = describeAccess(access, kind);
    const compiled = coreValue(kind, access);
    if (!compiled) throw coreMalformed(slot, `${kind} of ${spec}`);
    if (kind === 'type_id_local') return { spec, found: spec, compiled, wanted: compiled };
    const matches: { access: Access; value: CoreValue | undefined }[] = [];
    for (const candidate of this.candidatesOf(slot, type)) {
      const found = matchAccess(access, this.target, candidate, kind);
      if (found) matches.push({ access: found, value: coreValue(kind, found) });
    }
    const first = matches[0];
    if (!first) return { spec, found: undefined, compiled, wanted: coreValue(kind, undefined) };
    const differs = matches.some(
      (one) => one.access.bitOffset !== first.access.bitOffset || one.value?.value !== first.value?.value,
    );
    if (differs) {
      const list = matches.map((one) => `[${one.access.root}] ${describeAccess(one.access, kind)}`);
      throw coreAmbiguous(slot, spec, list);
    }
    return { spec, found: describeAccess(first.access, kind), compiled, wanted: first.value };
  }

  /** The kernel's types of the same kind and name, flavours left aside on both sides. */
  private candidatesOf(slot: number, type: BtfId): BtfId[] {
    let list = this.candidates.get(type);
    if (!list) {
      const kind = this.local.kind(type);
      const name = essentialName(this.local.name(type));
      if (name === '') throw coreMalformed(slot, `${nameOfType(this.local, type)} has no name to look for`);
      list = [...this.target.findAll(name), ...this.target.findFlavours(name)].filter((id) =>
        sameKind(kind, this.target.kind(id)),
      );
      this.candidates.set(type, list);
    }
    return list;
  }
}
