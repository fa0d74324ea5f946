import { SkepError } from '@skep/base';
import { badProbe } from '../diagnostics.ts';
import type { Probe } from '../probe.ts';
import type { TraceTarget } from '../target.ts';
import type { AttachPoint } from './attach-point.ts';
import { filter, isPattern, select } from './match.ts';

export function kernelProbes(kind: 'kprobe' | 'kretprobe', point: AttachPoint): Probe[] {
  const { rest, span, target, how } = point;
  const [, name = '', offset] = /^([^+]+)(?:\+(\w+))?$/.exec(rest.at(-1)!) ?? [];
  if (kind === 'kretprobe' && offset !== undefined)
    throw new SkepError(badProbe('Offset not allowed', span, 'a return has no offset'));
  const module = rest.length > 1 ? rest[0]! : undefined;
  const modules = target.kernelModules?.();
  if (module !== undefined && modules && filter(module, ['vmlinux', ...modules]).length === 0)
    throw new SkepError(
      badProbe(
        `specified module ${module} in probe ${kind}:${rest.join(':')} is not loaded.`,
        span,
        '/proc/modules lists those that are; functions of the kernel itself are in vmlinux',
      ),
    );
  const all = traceable(target);
  const made = (one: string): Probe => ({
    kind,
    function: one,
    offset: offset ? BigInt(offset) : 0n,
    name: `${kind}:${one}${offset ? `+${offset}` : ''}`,
  });
  if (!isPattern(name)) {
    if (all.names.length === 0 || all.known.has(name)) return [made(name)];
    how.warn?.(
      `${name} is not traceable (either non-existing, inlined, or marked as "notrace"); attaching to it will likely fail`,
      span,
    );
    if (how.unsafe)
      return [{ ...made(name), name: `${kind}:${[...rest.slice(0, -1), spelled(rest.at(-1)!)].join(':')}` }];
  }
  const names = select(name, all.names, point);
  if (names.length > 1 && how.multi?.kprobe && offset === undefined)
    return [{ kind, function: name, offset: 0n, functions: names, name: `${kind}:${name}` }];
  return names.map(made);
}

/** An address as the kernel is told it. */
function spelled(name: string): string {
  return /^0x[0-9a-f]+$/i.test(name) ? String(BigInt(name)) : name;
}

/** The functions of the kernel that probes can be set on. */
export function traceableFunctions(target: TraceTarget): readonly string[] {
  return traceable(target).names;
}

/** A listing asks for each of them. */
function traceable(target: TraceTarget): Traceable {
  const names = target.kernelFunctions?.() ?? [];
  let found = cache.get(names);
  if (found === undefined) {
    const list = names.filter((one) => !UNTRACEABLE.test(one));
    found = { names: list, known: new Set(list) };
    cache.set(names, found);
  }
  return found;
}

interface Traceable {
  readonly names: readonly string[];
  readonly known: ReadonlySet<string>;
}

const cache = new WeakMap<readonly string[], Traceable>();

/** Functions whose probes would bring the kernel to a halt. */
const UNTRACEABLE = /^(rcu_|__ftrace_invalid_address__|arch_cpu_idle$|default_idle$|bpf_dispatcher_xdp_func$)/;
