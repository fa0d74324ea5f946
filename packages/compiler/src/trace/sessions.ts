import type { ProgramUnit } from './check.ts';
import type { TraceOptions } from './compile-trace.ts';
import { functionPrototype } from './context.ts';
import type { Probe } from './probe.ts';

export interface Sessions {
  /** Of what runs where a function is entered, what runs where it returns. */
  readonly of: ReadonlyMap<ProgramUnit, ProgramUnit>;
  readonly ends: ReadonlySet<ProgramUnit>;
  /** In newer kernels the function that tells the two apart has a parameter. */
  readonly takesContext: boolean;
}

/** Pairs of kprobe and kretprobe of the same functions become one program each, where the kernel has such (6.10). */
export function sessionsOf(units: readonly ProgramUnit[], { target, multi }: TraceOptions): Sessions {
  const entries = units.filter(({ probe }) => probe.kind === 'kprobe' && probe.offset === 0n);
  const candidates = units.filter(({ probe }) => probe.kind === 'kretprobe');
  if (entries.length === 0 || candidates.length === 0 || !multi?.session) return NO_SESSIONS;
  const btf = target.btf?.();
  const isReturn = btf && functionPrototype(btf, IS_RETURN);
  if (isReturn === undefined) return NO_SESSIONS;
  const of = new Map<ProgramUnit, ProgramUnit>();
  const ends = new Set<ProgramUnit>();
  for (const entry of entries) {
    const end = candidates.find((one) => !ends.has(one) && sameFunctions(entry.probe, one.probe));
    if (end === undefined) continue;
    of.set(entry, end);
    ends.add(end);
  }
  return { of, ends, takesContext: isReturn.params.length > 0 };
}

/** The program of a pair, whose parts are the functions `NAME_entry` and `NAME_return`. */
export function sessionText(section: string, name: string, { takesContext }: Sessions): string {
  return `extern _Bool ${IS_RETURN}(${takesContext ? 'void *ctx' : 'void'}) __ksym;
SEC(${JSON.stringify(section)}) int ${name}(void *ctx) {
  return ${IS_RETURN}(${takesContext ? 'ctx' : ''}) ? ${name}_return(ctx) : ${name}_entry(ctx);
}`;
}

const NO_SESSIONS: Sessions = { of: new Map(), ends: new Set(), takesContext: false };
const IS_RETURN = 'bpf_session_is_return';

function sameFunctions(a: Probe, b: Probe): boolean {
  if (!('functions' in a && 'functions' in b)) return 'function' in a && 'function' in b && a.function === b.function;
  return a.function === b.function && String(a.functions) === String(b.functions);
}
