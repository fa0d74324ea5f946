import { type Btf, type BtfId, showDebugType } from '@skep/object';
import { functionPrototype, tracepointPrototype } from './context.ts';
import type { Probe } from './probe.ts';
import type { TraceTarget } from './target.ts';

/** What a probe gives by name, a C declaration each: for `-lv`. Empty when nothing is known, or there is nothing. */
export function describeProbe(probe: Probe, target: TraceTarget): string[] {
  switch (probe.kind) {
    case 'tracepoint':
      return [...(target.tracepointFormat?.(probe.category, probe.event) ?? '').matchAll(/field:([^;]+);/g)]
        .map((one) => one[1]!)
        .filter((one) => !/\bcommon_\w+(\[\d*\])?$/.test(one));
    case 'rawtracepoint':
    case 'kprobe':
    case 'fentry':
    case 'fexit': {
      const btf = target.btf?.();
      if (btf === undefined) return [];
      const found =
        probe.kind === 'rawtracepoint' ? tracepointPrototype(btf, probe.event) : functionPrototype(btf, probe.function);
      if (found === undefined) return [];
      const parameters = found.params.map((one, i) => declaration(btf, one.type, one.name || `arg${i}`));
      return probe.kind === 'fexit' ? [...parameters, declaration(btf, found.result, 'retval')] : parameters;
    }
    case 'uprobe': {
      const found = target.executable?.(probe.binary)?.debug?.()?.function(probe.function);
      return (found?.parameters ?? []).map((one) => `${showDebugType(one.type)} ${one.name}`);
    }
    default:
      return [];
  }
}

/** A struct, union or enum of the kernel as C has it, for `-lv 'struct file'`; undefined when there is none. */
export function describeType(name: string, target: TraceTarget): string | undefined {
  const [, word, tag] = /^(struct|union|enum) (\w+)$/.exec(name) ?? [];
  const btf = target.btf?.();
  if (btf === undefined || tag === undefined) return undefined;
  const id = word === 'enum' ? btf.find(tag, 'enum', 'enum64') : btf.find(tag, word as 'struct' | 'union');
  return id === undefined ? undefined : body(btf, id, '', 0);
}

/** `struct file { … }` with its members; `indent` stands in front of each line but the first. */
function body(btf: Btf, id: BtfId, indent: string, depth: number): string {
  const type = btf.type(id);
  const inner = `${indent}        `;
  if (type.kind === 'enum' || type.kind === 'enum64')
    return `enum ${type.name} {\n${type.values.map((one) => `${inner}${one.name} = ${one.value},\n`).join('')}${indent}}`;
  if (type.kind !== 'struct' && type.kind !== 'union') return 'void';
  const head = type.name ? `${type.kind} ${type.name}` : type.kind;
  if (depth > MAX_DEPTH) return `${head} { … }`;
  const members = type.members.map((one) => {
    const width = one.bitSize ? ` : ${one.bitSize}` : '';
    return `${inner}${declaration(btf, one.type, one.name, inner, depth + 1)}${width};\n`;
  });
  return `${head} {\n${members.join('')}${indent}}`;
}

/** `int (*name)(struct file *)`: a C declaration. Structs without a name are written out. */
function declaration(btf: Btf, id: BtfId, name: string, indent = '', depth = 0): string {
  if (id === 0) return join('void', name);
  if (depth > MAX_DEPTH) return join('…', name);
  const type = btf.type(id);
  const next = (to: BtfId, inside: string) => declaration(btf, to, inside, indent, depth + 1);
  switch (type.kind) {
    case 'ptr': {
      const to = type.type === 0 ? undefined : btf.type(type.type);
      return next(type.type, to?.kind === 'func_proto' || to?.kind === 'array' ? `(*${name})` : `*${name}`);
    }
    case 'array':
      return next(type.type, `${name}[${type.count}]`);
    case 'func_proto':
      return next(type.result, `${name}(${type.params.map((one) => next(one.type, '')).join(', ')})`);
    case 'const':
    case 'volatile':
    case 'restrict':
      return name.startsWith('*') || type.kind === 'restrict'
        ? next(type.type, name)
        : `${type.kind} ${next(type.type, name)}`;
    case 'type_tag':
      return next(type.type, name);
    case 'struct':
    case 'union':
      return join(type.name ? `${type.kind} ${type.name}` : body(btf, id, indent, depth), name);
    case 'fwd':
      return join(`struct ${type.name}`, name);
    case 'enum':
    case 'enum64':
      return join(type.name ? `enum ${type.name}` : 'enum', name);
    case 'int':
    case 'float':
    case 'typedef':
      return join(type.name, name);
    default:
      return join('void', name);
  }
}

function join(type: string, name: string): string {
  return name === '' ? type : `${type} ${name}`;
}

/** Deeper than any type of the kernel is. */
const MAX_DEPTH = 24;
