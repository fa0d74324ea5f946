import { Diagnostics, SkepError, type SourceFile, type Span } from '@skep/base';
import { contextOf } from './contexts.ts';
import type { Constant, Declaration, MapDeclaration, ProbeModule } from './declarations.ts';
import { badDeclaration, syntaxError } from './diagnostics.ts';
import { knownTracepoint, knownTracepoints } from './known-tracepoints.ts';
import { safe } from './lower/c-names.ts';
import type { Shared } from './lower/lowering.ts';
import { lowerProbe } from './lower.ts';
import { readModules } from './modules.ts';
import { collect } from './origins.ts';
import type { Program } from './syntax.ts';
import type { ProbeTarget } from './target.ts';
import { declareC, type Storage } from './types.ts';
import type { MapKind, ProbeKind } from './vocabulary.ts';

/** Probes as C, and what the user side has to know to find its maps, events and parameters in the object. */
export interface CompiledProbes {
  /** For `compile`: it has no errors that the probes did not have, which are all found here. */
  readonly c: string;
  /** Where in the file something of the C comes from. */
  readonly origin: (span: Span) => Span | undefined;
  /** In the order of the text, as the calls that make them run. */
  readonly declarations: readonly CompiledDeclaration[];
  readonly probes: readonly CompiledProbe[];
  readonly hasMain: boolean;
  readonly program: Program;
}

export interface CompiledDeclaration {
  readonly name: string;
  readonly kind: MapKind | 'params' | 'events';
  /** The map in the object; of parameters what their variables begin with. */
  readonly symbol: string;
}

export interface CompiledProbe {
  readonly kind: ProbeKind;
  readonly target: string;
  /** The program in the object. */
  readonly name: string;
  readonly frequency: number | undefined;
}

/** From a TypeScript file to C for its probes. Throws SkepError, E16xx, with everything that is wrong. */
export async function compileProbes(file: SourceFile, target: ProbeTarget = {}): Promise<CompiledProbes> {
  try {
    return await compileModule(file, target);
  } catch (error) {
    // The stack of JavaScript is the limit of how deep expressions can be nested.
    if (!(error instanceof RangeError)) throw error;
    throw new SkepError(syntaxError('it is nested too deeply', { file, start: 0, end: Math.min(1, file.text.length) }));
  }
}

async function compileModule(file: SourceFile, target: ProbeTarget): Promise<CompiledProbes> {
  const diagnostics = new Diagnostics();
  const { main: module, program, files } = await readModules(file, target, diagnostics);
  const symbols = symbolsOf(module, diagnostics);
  const shared: Shared = {
    home: module,
    diagnostics,
    btf: target.btf,
    symbols,
    functions: new Map(),
    texts: [],
    operations: new Map(),
  };
  if (module.probes.some((one) => one.kind === 'tracepoint')) await knownTracepoints.load();
  const names = new Set<string>(symbols.values());
  const texts: string[] = [];
  const probes: CompiledProbe[] = [];
  for (const one of module.probes) {
    const name = unique(safe(one.target.replace(/^.*[:/]/, '') || one.kind), names);
    try {
      const context = contextOf(one, target, knownTracepoint, () => knownTracepoints.names());
      texts.push(lowerProbe({ ...shared, home: one.home }, one.body, context, name));
      probes.push({ kind: one.kind, target: one.target, name, frequency: one.frequency });
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      for (const each of error.diagnostics) diagnostics.add(each);
    }
  }
  diagnostics.check();
  const c = [
    HEAD,
    ...module.declarations.map((one) => declare(one, symbols.get(one.name)!)),
    ...shared.operations.values(),
    ...shared.texts,
    ...texts,
    'char LICENSE[] SEC("license") = "GPL";',
    '',
  ];
  return {
    ...collect(c.join('\n'), files),
    declarations: module.declarations.map(({ name, kind }) => ({ name, kind, symbol: symbols.get(name)! })),
    probes,
    hasMain: module.hasMain,
    program,
  };
}

const HEAD = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
static inline u32 skep_log2(u64 value)
{
  u32 log = 0;
  if (value >> 32) { value >>= 32; log += 32; }
  if (value >> 16) { value >>= 16; log += 16; }
  if (value >> 8) { value >>= 8; log += 8; }
  if (value >> 4) { value >>= 4; log += 4; }
  if (value >> 2) { value >>= 2; log += 2; }
  if (value >> 1) log += 1;
  return log;
}
static inline s64 skep_signed_divide(s64 a, s64 b)
{
  u64 q = (u64)(a < 0 ? -a : a) / (u64)(b < 0 ? -b : b);
  return (a < 0) != (b < 0) ? -(s64)q : (s64)q;
}
static inline s64 skep_signed_remainder(s64 a, s64 b)
{
  u64 r = (u64)(a < 0 ? -a : a) % (u64)(b < 0 ? -b : b);
  return a < 0 ? -(s64)r : (s64)r;
}
`;

function symbolsOf(module: ProbeModule, diagnostics: Diagnostics): Map<string, string> {
  const symbols = new Map<string, string>();
  const used = new Set<string>();
  for (const { name, span } of module.declarations) {
    if (symbols.has(name)) diagnostics.add(badDeclaration(name, 'there are two of this name', span));
    // Variables of functions end in a number.
    symbols.set(name, unique(safe(name).replace(/_\d+$/, '$&_'), used));
  }
  return symbols;
}

function unique(name: string, used: Set<string>): string {
  let chosen = name;
  for (let i = 2; used.has(chosen); i++) chosen = `${name}_${i}`;
  used.add(chosen);
  return chosen;
}

function declare(one: Declaration, symbol: string): string {
  switch (one.kind) {
    case 'params':
      return [...one.fields].map(([name, value]) => param(`${symbol}_${name}`, value)).join('\n');
    case 'events':
      return `${record(`${symbol}_event`, one.storage)}\n${mapOf(symbol, ['__uint(type, BPF_MAP_TYPE_RINGBUF)', `__uint(max_entries, ${one.size})`])}`;
    case 'lpm':
      return `struct ${symbol}_key { u32 prefix; __be32 addr; };\n${typed(one.value, `${symbol}_value`)}${mapOf(symbol, ['__uint(type, BPF_MAP_TYPE_LPM_TRIE)', `__uint(max_entries, ${one.max})`, '__uint(map_flags, BPF_F_NO_PREALLOC)', `__type(key, struct ${symbol}_key)`, `__type(value, ${typeName(one.value, `${symbol}_value`)})`])}`;
    case 'histogram': {
      const key = one.keyed
        ? `${typed(one.key, `${symbol}_own`)}struct ${symbol}_key { ${declareC(one.key, 'key', `${symbol}_own`)}; u32 slot; };`
        : `struct ${symbol}_key { u32 slot; };`;
      return `${key}\n${mapOf(symbol, ['__uint(type, BPF_MAP_TYPE_PERCPU_HASH)', `__uint(max_entries, ${one.keyed ? one.max : 64})`, `__type(key, struct ${symbol}_key)`, '__type(value, u64)'])}`;
    }
    default:
      return `${typed(one.key, `${symbol}_key`)}${typed(one.value, `${symbol}_value`)}${mapOf(symbol, [`__uint(type, BPF_MAP_TYPE_${typeOf(one)})`, `__uint(max_entries, ${one.kind === 'counter' && !one.keyed ? 1 : one.max})`, `__type(key, ${typeName(one.key, `${symbol}_key`)})`, `__type(value, ${typeName(one.value, `${symbol}_value`)})`])}`;
  }
}

function typeOf(map: MapDeclaration): string {
  switch (map.kind) {
    case 'lruHash':
      return 'LRU_HASH';
    case 'perCpuHash':
      return 'PERCPU_HASH';
    case 'array':
      return 'ARRAY';
    case 'perCpuArray':
      return 'PERCPU_ARRAY';
    case 'counter':
      return map.keyed ? 'PERCPU_HASH' : 'PERCPU_ARRAY';
    default:
      return 'HASH';
  }
}

function mapOf(symbol: string, lines: readonly string[]): string {
  return `struct {\n${lines.map((one) => `  ${one};\n`).join('')}} ${symbol} SEC(".maps");\n`;
}

function param(name: string, value: Constant): string {
  switch (typeof value) {
    case 'number':
      return `const volatile s64 ${name} = ${value}LL;`;
    case 'bigint':
      return `const volatile ${value < 0n ? 's64' : 'u64'} ${name} = ${value}${value < 0n ? 'LL' : 'ULL'};`;
    case 'boolean':
      return `const volatile bool ${name} = ${value ? 1 : 0};`;
    default:
      return `const volatile char ${name}[64] = ${JSON.stringify(value)};`;
  }
}

/** The struct of a record; nothing for what has a name already. */
function typed(storage: Storage, name: string): string {
  if (storage.kind === 'record') return `${record(name, storage)}\n`;
  return storage.kind === 'string' ? `typedef char ${name}[${storage.size}];\n` : '';
}

function typeName(storage: Storage, name: string): string {
  return storage.kind === 'record' ? `struct ${name}` : storage.kind === 'string' ? name : declareC(storage, '').trim();
}

function record(name: string, storage: Storage & { kind: 'record' }): string {
  return `struct ${name} {\n${[...storage.fields].map(([field, type]) => `  ${declareC(type, safe(field))};\n`).join('')}};`;
}
