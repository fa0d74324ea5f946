import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Btf } from '../../src/btf/btf.ts';
import { BtfBuilder } from '../../src/btf/builder.ts';
import { buildBtfExt, parseBtfExt } from '../../src/btf/ext.ts';
import { ALL_BTF_FEATURES, sanitizeBtf } from '../../src/btf/sanitize.ts';
import { readElf } from '../../src/elf/read.ts';
import { writeElf } from '../../src/elf/write.ts';
import { openObject } from '../../src/open/open.ts';
import { clang, HAVE_CLANG, have, runOn } from '../clang.ts';
import { SOURCES } from '../sources.ts';

const missing = [
  ...(HAVE_CLANG ? [] : ['clang-19']),
  ...(have('bpftool') ? [] : ['bpftool']),
  ...(process.getuid?.() === 0 ? [] : ['root']),
];

describe.skipIf(missing.length > 0)(`libbpf and the kernel (missing: ${missing.join(', ') || 'nothing'})`, () => {
  it.each(['counter', 'subprograms', 'maps'])('load %s with its BTF, .BTF.ext and ELF written by skep', (name) => {
    const { status, out } = load(rebuilt(clang(loadable(name), '-mcpu=v3')));
    expect(out).not.toMatch(/BTF.*(invalid|error|failed)/i);
    expect(status, out).toBe(0);
  });

  it('take the BTF of an opened object: variables in their places', () => {
    const bytes = clang(SOURCES['counter']!, '-mcpu=v3');
    const fixed = openObject(bytes, { name: 'counter.o' }).btf!;
    expect(load(rebuilt(bytes, () => BtfBuilder.from(fixed))).status).toBe(0);
  });

  it('take BTF made for older kernels', () => {
    const source = `${loadable('subprograms')}
      enum wide { WIDE = 1ULL << 40 } wide = WIDE; float real; int tagged __attribute__((btf_decl_tag("note")));
      int __attribute__((btf_type_tag("user"))) *pointer;
      SEC("xdp") int uses(struct xdp_md *ctx) { tagged++; return wide == WIDE && pointer && real == 0; }`;
    const bytes = clang(source.replace('&& real == 0', ''), '-mcpu=v3');
    const old = { ...ALL_BTF_FEATURES, float: false, declTag: false, typeTag: false, enum64: false, globalFunc: false };
    const btf = Btf.parse(sanitizeBtf(openObject(bytes, { name: 'old.o' }).btf!, old).toBytes());
    const kinds = new Set([...btf.ids()].map((id) => btf.kind(id)));
    for (const kind of ['float', 'decl_tag', 'type_tag', 'enum64'] as const) expect(kinds.has(kind)).toBe(false);
    const { status, out } = load(rebuilt(bytes, () => BtfBuilder.from(btf)));
    expect(status, out).toBe(0);
  });

  it('link objects whose static variables share a name, which open with all of them', () => {
    const source = (name: string) => `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
static volatile int same = ${name.length}; volatile int ${name}_only;
SEC("xdp") int ${name}(void *ctx) { return same + ${name}_only; }
${name === 'one' ? 'char LICENSE[] SEC("license") = "GPL";' : ''}`;
    const spec = openObject(linked(clang(source('one')), clang(source('three'))), { name: 'both.o' });
    expect(spec.globals.filter((one) => one.name === 'same').map((one) => one.offset)).toEqual([0, 4]);
    const initial = spec.maps.find((one) => one.name === '.data')!.initialValue!;
    expect([...initial]).toEqual([3, 0, 0, 0, 5, 0, 0, 0]);
    const offsets = spec.programs.map((one) => one.references.find((r) => r.kind === 'map-value' && r.map === '.data'));
    expect(offsets.map((one) => one?.kind === 'map-value' && one.offset)).toEqual([0, 4]);
  });

  it('list BTF as skep reads it (bpftool btf dump)', () => {
    const bytes = rebuilt(clang(SOURCES['maps']!));
    const { status, out } = runOn(bytes, 'bpftool', 'btf', 'dump', 'file');
    expect(status, out).toBe(0);
    const btf = Btf.parse(readElf(bytes).sections.find((one) => one.name === '.BTF')!.data);
    const lines = out.split('\n').filter((line) => line.startsWith('['));
    expect(lines).toHaveLength(btf.count - 1);
    for (const [i, line] of lines.entries()) {
      const [, id, kind, name] = /^\[(\d+)\] (\w+) '(.*?)'/.exec(line)!;
      expect(Number(id)).toBe(i + 1);
      expect(kind!.toLowerCase()).toBe(btf.kind(i + 1));
      expect(name === '(anon)' ? '' : name).toBe(btf.name(i + 1));
    }
  });
});

/** bpftool pins every program, also those that are not loaded. */
function loadable(name: string): string {
  return SOURCES[name]!.replace('SEC("?', 'SEC("');
}

/** The same object, read and written again, with BTF that went through the builder. */
function rebuilt(bytes: Uint8Array, builderOf: (btf: Btf) => BtfBuilder = BtfBuilder.from): Uint8Array {
  const file = readElf(bytes);
  const data = (name: string) => file.sections.find((one) => one.name === name)!.data;
  const btf = Btf.parse(data('.BTF'));
  const builder = builderOf(btf);
  const ext = buildBtfExt(parseBtfExt(data('.BTF.ext'), btf), builder);
  const replaced = new Map([
    ['.BTF', builder.toBytes()],
    ['.BTF.ext', ext],
  ]);
  const sections = file.sections.map((section) => {
    const written = replaced.get(section.name);
    return written ? { ...section, data: written, size: written.length, relocations: [] } : section;
  });
  return writeElf({ ...file, sections });
}

/** Static linking, as `bpftool gen object` does it. */
function linked(...objects: Uint8Array[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'skep-link-'));
  try {
    const files = objects.map((object, i) => {
      writeFileSync(join(folder, `${i}.o`), object);
      return join(folder, `${i}.o`);
    });
    const out = join(folder, 'out.o');
    const run = spawnSync('bpftool', ['gen', 'object', out, ...files], { encoding: 'utf8' });
    expect(run.status, run.stderr).toBe(0);
    return new Uint8Array(readFileSync(out));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function load(object: Uint8Array): { status: number; out: string } {
  const folder = mkdtempSync(join(tmpdir(), 'skep-load-'));
  const pins = `/sys/fs/bpf/skep-object-test-${process.pid}`;
  try {
    const file = join(folder, 'object.o');
    writeFileSync(file, object);
    const run = spawnSync('bpftool', ['prog', 'loadall', file, pins], { encoding: 'utf8' });
    return { status: run.status ?? -1, out: run.stdout + run.stderr };
  } finally {
    rmSync(pins, { recursive: true, force: true });
    rmSync('/sys/fs/bpf/pinned', { force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}
