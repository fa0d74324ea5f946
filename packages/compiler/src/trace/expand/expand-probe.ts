import { SkepError, type Span, suggest } from '@skep/base';
import { badProbe, noMatch, refusedProbe } from '../diagnostics.ts';
import { DURATIONS } from '../lexer.ts';
import { kindOf, PROBE_KINDS, type Probe, SAMPLE_COUNTS } from '../probe.ts';
import type { TraceTarget } from '../target.ts';
import type { AttachPoint, Expansion } from './attach-point.ts';
import { kernelProbes } from './kernel-probes.ts';
import { filter, isPattern, readable, select } from './match.ts';
import { staticProbes, userProbes } from './user-probes.ts';

/** All probes that an attach point means: one, or as many as match its wildcards. Throws E154x. */
export function expandProbe(text: string, span: Span, target: TraceTarget, how: Expansion = {}): Probe[] {
  const [first = '', ...rest] = text.split(':');
  const kind = kindOf(first);
  if (kind === undefined) {
    const near = suggest(
      first,
      PROBE_KINDS.flatMap((one) => [one.kind, ...one.short]),
    );
    throw new SkepError(badProbe(`Invalid probe type: ${first}`, span, near ? `did you mean \`${near}\`?` : undefined));
  }
  const point: AttachPoint = { rest, text, span, target, how };
  const need = (count: number, form: string): void => {
    if (rest.length < count || rest.slice(0, count).some((one) => one === ''))
      throw new SkepError(
        badProbe(
          `${kind} probe type requires ${count} argument${count === 1 ? '' : 's'}, found ${rest.filter((one) => one !== '').length}`,
          span,
          `write ${form}`,
        ),
      );
  };
  switch (kind) {
    case 'begin':
    case 'end':
      if (rest.length > 0)
        throw new SkepError(badProbe(`${kind} probe type requires 0 arguments, found ${rest.length}`, span));
      return [{ kind, name: first }];
    case 'test':
    case 'bench':
      need(1, `${kind}:NAME`);
      return [{ kind, label: rest.join(':'), name: text }];
    case 'self':
      if (rest[0] !== 'signal' || !/^SIG[A-Z0-9]+$/.test(rest[1] ?? ''))
        throw new SkepError(badProbe(`${text} is not a supported trigger`, span, 'write self:signal:SIGUSR1'));
      if (rest[1] !== 'SIGUSR1')
        throw new SkepError(badProbe(`${rest[1]} is not a supported signal`, span, 'only SIGUSR1 is free for scripts'));
      return [{ kind, signal: rest[1], name: text }];
    case 'interval':
    case 'profile':
      return [{ kind, every: period(kind, rest, span), name: `${kind}:${rest.join(':')}` }];
    case 'software':
    case 'hardware': {
      need(1, `${kind}:EVENT:COUNT`);
      const known = SAMPLE_COUNTS[kind];
      const event = rest[0]!;
      if (!(event in known)) {
        const near = suggest(event, Object.keys(known));
        throw new SkepError(
          badProbe(
            `${event} is not a ${kind} probe`,
            span,
            near ? `did you mean \`${near}\`?` : `there are ${Object.keys(known).join(', ')}`,
          ),
        );
      }
      const count = rest[1] === undefined || rest[1] === '' ? known[event]! : amount(rest[1], span);
      return [{ kind, event, count, name: text }];
    }
    case 'watchpoint':
      need(3, 'watchpoint:ADDRESS:LENGTH:MODE');
      return [watchpoint(rest, text, span)];
    case 'iter': {
      need(1, 'iter:task');
      const over = rest[0]!;
      if (!ITERATORS.includes(over))
        throw new SkepError(
          badProbe(`iter ${over} not available for your kernel version.`, span, `there are ${ITERATORS.join(', ')}`),
        );
      return [{ kind, over, pin: rest[1], name: `iter:${over}` }];
    }
    case 'tracepoint': {
      const [category, event] = rest.length === 1 ? ['*', rest[0]!] : rest;
      need(1, 'tracepoint:CATEGORY:NAME');
      if (event === undefined || event === '')
        throw new SkepError(badProbe('tracepoint probe must have a target', span, 'write tracepoint:CATEGORY:NAME'));
      const names = select(`${category}:${event}`, target.tracepoints?.() ?? [], point);
      return names.map((one) => {
        const [c = '', e = ''] = one.split(':');
        return { kind, category: c, event: e, name: `tracepoint:${one}` };
      });
    }
    case 'rawtracepoint': {
      need(1, 'rawtracepoint:NAME');
      const wanted = rest.length > 1 ? rest.at(-1)! : rest[0]!;
      const modules = ['vmlinux', ...(target.kernelModules?.() ?? [])];
      if (rest.length > 1 && filter(rest[0]!, modules).length === 0) throw new SkepError(noMatch(readable(text), span));
      const names = select(wanted, target.rawTracepoints?.() ?? [], point);
      return names.map((event) => ({ kind, event, name: `rawtracepoint:${event}` }));
    }
    case 'kprobe':
    case 'kretprobe':
      need(1, `${kind}:FUNCTION`);
      return kernelProbes(kind, point);
    case 'fentry':
    case 'fexit': {
      need(1, `${kind}:FUNCTION`);
      const name = rest.at(-1)!;
      const module = rest.length > 1 ? rest[0] : undefined;
      if (module === 'bpf')
        throw new SkepError(
          refusedProbe(`${kind} on other BPF programs is not supported`, span, 'trace a function of the kernel'),
        );
      const all = target.kernelFunctions?.() ?? [];
      const names = !isPattern(name) && all.length === 0 ? [name] : select(name, all, point);
      return names.map((one) => ({ kind, function: one, module, name: `${kind}:${module ?? 'vmlinux'}:${one}` }));
    }
    case 'uprobe':
    case 'uretprobe':
      return userProbes(kind, point);
    case 'usdt':
      return staticProbes(point);
  }
}

function watchpoint([where = '', size = '', mode = '']: readonly string[], name: string, span: Span): Probe {
  if (/^\D.*\+arg\d/.test(where))
    throw new SkepError(
      refusedProbe(
        'watchpoints at the arguments of a function are not supported',
        span,
        'print the argument with uprobe, and watch that address',
      ),
    );
  const address = amount(where, span);
  const access = ACCESSES[[...mode].sort().join('')];
  const length = Number(amount(size, span));
  if (access === undefined)
    throw new SkepError(badProbe(`${mode} is not an access of memory`, span, 'write w, rw or x'));
  if (length !== 1 && length !== 2 && length !== 4 && length !== 8)
    throw new SkepError(badProbe(`length must be one of 1, 2, 4 and 8, not ${size}`, span));
  if (access !== 'execute' && address % BigInt(length) !== 0n)
    throw new SkepError(badProbe(`the address ${where} is not a multiple of the length ${length}`, span));
  return { kind: 'watchpoint', address, length, access, name };
}

/** By their letters in order. Reads alone are not told apart on x86. */
const ACCESSES: Readonly<Record<string, 'write' | 'read-write' | 'execute'>> = {
  w: 'write',
  r: 'read-write',
  rw: 'read-write',
  x: 'execute',
};

const ITERATORS = ['task', 'task_file', 'task_vma'];

function period(kind: string, rest: readonly string[], span: Span): bigint {
  const bad = (message: string): never => {
    throw new SkepError(badProbe(message, span, `write ${kind}:s:1, ${kind}:hz:99 or ${kind}:10ms`));
  };
  if (rest.length === 0 || rest[0] === '') bad(`${kind} probe type requires 1 or 2 arguments, found 0`);
  if (rest.length === 1) return amount(rest[0]!, span) || bad(`${kind} period must be greater than 0`);
  if (rest.length > 2) bad(`${kind} probe type requires 1 or 2 arguments, found ${rest.length}`);
  const count = amount(rest[1]!, span);
  if (count === 0n) bad(`${kind} period must be greater than 0`);
  if (rest[0] === 'hz') return 1_000_000_000n / count || 1n;
  const unit = /^(us|ms|s|ns)$/.test(rest[0]!) ? DURATIONS[rest[0]!]! : bad(`${rest[0]} is not an accepted unit`);
  return count * unit;
}

function amount(text: string, span: Span): bigint {
  const match = /^(\d[\d_]*)(?:e(\d+))?(ns|us|ms|s|m|h|d)?$/.exec(text);
  if (!match && !/^0x[0-9a-fA-F]+$/.test(text))
    throw new SkepError(badProbe(`Invalid rate of ${text}`, span, 'write a whole number'));
  if (!match) return BigInt(text);
  return BigInt(match[1]!.replaceAll('_', '')) * 10n ** BigInt(match[2] ?? 0) * (match[3] ? DURATIONS[match[3]]! : 1n);
}
