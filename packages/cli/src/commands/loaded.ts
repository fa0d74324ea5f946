import { ATTACH_TYPES, LINK_TYPES, MAP_TYPES, nameOfValue, PROG_TYPES } from '@skep/abi';
import { EXIT, SkepError } from '@skep/base';
import {
  btfBytesOf,
  kernelBtf,
  type LinkInfo,
  listBtfs,
  listLinks,
  listMaps,
  listPrograms,
  programInstructions,
} from '@skep/kernel';
import { Btf, btfToC, decode, disassemble } from '@skep/object';
import { parseFormat, SCHEMA, table, toJson } from '@skep/view';
import { openKernelMap } from 'skep';
import type { Call } from '../command.ts';
import { noSuchAction } from '../diagnostics.ts';

/** What is loaded in this kernel, by whomever: `skep prog`, `skep map`, `skep links`, `skep btf`. */
export function commandOf(name: LoadedKind): { readonly execute: (call: Call) => Promise<number> } {
  return { execute: async (call) => show(name, call) };
}

export type LoadedKind = 'prog' | 'map' | 'links' | 'btf';

function show(name: LoadedKind, call: Call): number {
  const [action = 'list', id] = call.args;
  const kind = KINDS[name];
  const json = /^json/.test(parseFormat(call.options.text('output') ?? 'table').kind);
  if (action === 'list' && id === undefined) {
    const { key, titles, rows } = kind.list();
    const text = table(
      titles,
      rows.map((row) => Object.values(row).map(cell)),
    );
    call.io.out(`${json ? toJson({ schema: SCHEMA, [key]: rows }, 2) : text}\n`);
    return EXIT.ok;
  }
  if (action !== 'dump' || kind.dump === undefined || !/^\d+$/.test(id ?? '')) {
    throw new SkepError(noSuchAction(name, call.args.join(' '), kind.dump !== undefined), EXIT.usage);
  }
  const dump = kind.dump(Number(id));
  call.io.out(json ? `${toJson({ schema: SCHEMA, ...dump.data }, 2)}\n` : `${dump.text.trimEnd()}\n`);
  return EXIT.ok;
}

type Row = { readonly [name: string]: unknown };

interface Kind {
  /** `titles` name the members of each row, in their order. */
  list(): { readonly key: string; readonly titles: readonly string[]; readonly rows: readonly Row[] };
  dump?(id: number): { readonly text: string; readonly data: object };
}

const KINDS: Readonly<Record<LoadedKind, Kind>> = {
  prog: {
    list: () => ({
      key: 'programs',
      titles: ['ID', 'NAME', 'TYPE', 'TAG', 'INSNS', 'JITED', 'RUNS', 'NS', 'MAPS'],
      rows: listPrograms().map((one) => ({
        id: one.id,
        name: one.name,
        type: short(nameOfValue(PROG_TYPES, one.type) ?? String(one.type)),
        tag: one.tag,
        instructions: one.translatedSize / 8,
        jitedBytes: one.jitedSize,
        runs: one.runs,
        nanoseconds: one.nanoseconds,
        maps: one.mapIds,
      })),
    }),
    dump(id) {
      const text = disassemble(decode(programInstructions(id)), { slots: true });
      return { text, data: { id, instructions: text.split('\n') } };
    },
  },
  map: {
    list: () => ({
      key: 'maps',
      titles: ['ID', 'NAME', 'TYPE', 'KEY', 'VALUE', 'ENTRIES', 'FLAGS', 'BTF'],
      rows: listMaps().map((one) => ({
        id: one.id,
        name: one.name,
        type: short(nameOfValue(MAP_TYPES, one.type) ?? String(one.type)),
        keyBytes: one.keySize,
        valueBytes: one.valueSize,
        maxEntries: one.maxEntries,
        flags: one.flags,
        btf: one.btfId,
      })),
    }),
    dump(id) {
      const { map, close } = openKernelMap(id);
      try {
        const entries = map.entries().map(([key, value]) => ({ key, value }));
        const text = entries.map(({ key, value }) => `${toJson(key)}: ${toJson(value)}`).join('\n');
        return { text, data: { id, name: map.name, entries } };
      } finally {
        close();
      }
    },
  },
  links: {
    list: () => ({
      key: 'links',
      titles: ['ID', 'TYPE', 'PROGRAM', 'TARGET'],
      rows: listLinks().map((one) => ({
        id: one.id,
        type: short(nameOfValue(LINK_TYPES, one.type) ?? String(one.type)),
        program: one.programId,
        target: targetOf(one),
      })),
    }),
  },
  btf: {
    list: () => ({
      key: 'btf',
      titles: ['ID', 'NAME', 'BYTES', 'KERNEL'],
      rows: listBtfs().map((one) => ({ id: one.id, name: one.name, bytes: one.size, kernel: one.kernel })),
    }),
    dump(id) {
      const info = listBtfs().find((one) => one.id === id);
      const ontoKernel = info?.kernel === true && info.name !== 'vmlinux';
      const btf = Btf.parse(btfBytesOf(id), ontoKernel ? kernelBtf() : undefined);
      const text = btfToC(btf);
      return { text, data: { id, name: info?.name ?? '', types: btf.count - 1, text } };
    },
  },
};

/** `kprobe` of `BPF_PROG_TYPE_KPROBE`. */
function short(name: string): string {
  return name.replace(/^BPF_(PROG|MAP|LINK)_TYPE_/, '').toLowerCase();
}

function targetOf(link: LinkInfo): string {
  const attachType = link.attachType === undefined ? '' : (nameOfValue(ATTACH_TYPES, link.attachType) ?? '');
  const parts = [attachType.replace(/^BPF_(TRACE_)?/, '').toLowerCase()];
  if (link.ifindex !== 0) parts.push(`interface ${link.ifindex}`);
  if (link.cgroupId !== 0n) parts.push(`cgroup ${link.cgroupId}`);
  if (link.btfId !== 0) parts.push(functionName(link.btfId));
  return parts.filter((part) => part !== '').join(' ');
}

function functionName(id: number): string {
  try {
    const type = kernelBtf().type(id);
    return 'name' in type ? type.name : `type ${id}`;
  } catch {
    return `type ${id}`;
  }
}

function cell(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}
