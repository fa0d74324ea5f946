import { nameOfValue, PROG_TYPES } from '@skep/abi';
import { hex } from '@skep/base';
import {
  btfBytesOf,
  dumpProgram,
  findKernelSymbols,
  holders,
  KernelSymbols,
  listPrograms,
  mapInfo,
  openMapHandle,
  openProgram,
  type ProgramDump,
} from '@skep/kernel';
import { Btf, decode, disassemble, type LineInfo } from '@skep/object';
import { heldBy, since } from './held.ts';
import { type Kind, members, short } from './loaded-kind.ts';

export const programKind: Kind = {
  key: 'programs',
  titles: ['ID', 'NAME', 'TYPE', 'TAG', 'INSNS', 'JITED', 'RUNS', 'NS', 'MAPS', 'HELD BY'],
  list() {
    const held = holders();
    return listPrograms().map((one) => ({
      id: one.id,
      name: one.name,
      type: short(nameOfValue(PROG_TYPES, one.type) ?? String(one.type)),
      tag: one.tag,
      instructions: one.translatedSize / 8,
      jitedBytes: one.jitedSize,
      runs: one.runs,
      nanoseconds: one.nanoseconds,
      maps: one.mapIds,
      holders: heldBy(held, 'program', one.id),
    }));
  },
  actions: {
    show: {
      run(which) {
        using program = openProgram(which);
        const one = program.info();
        const runs = Number(one.runs);
        const data = {
          id: one.id,
          name: one.name,
          type: short(nameOfValue(PROG_TYPES, one.type) ?? String(one.type)),
          tag: one.tag,
          gpl: one.gpl,
          loaded: since(one.loadTime),
          uid: one.uid,
          instructions: one.translatedSize / 8,
          jitedBytes: one.jitedSize,
          verifiedInstructions: one.verifiedInstructions,
          runs: one.runs,
          nanoseconds: one.nanoseconds,
          nanosecondsPerRun: runs === 0 ? undefined : Math.round(Number(one.nanoseconds) / runs),
          recursionMisses: one.recursionMisses,
          maps: one.mapIds.map(mapName),
          btf: one.btfId,
          holders: heldBy(holders(), 'program', one.id),
        };
        return { text: members(data), data };
      },
    },
    dump: {
      takes: '[xlated|jited]',
      run(which, [what = 'xlated']) {
        const dump = dumpProgram(which);
        const { id } = dump.info;
        if (what === 'jited') {
          const rows = Array.from({ length: Math.ceil(dump.machineCode.length / 16) }, (_, i) => {
            const bytes = [...dump.machineCode.subarray(16 * i, 16 * i + 16)];
            return `${(16 * i).toString(16).padStart(6, '0')}  ${bytes.map((one) => one.toString(16).padStart(2, '0')).join(' ')}`;
          });
          return { text: rows.join('\n'), data: { id, machineCode: hex(dump.machineCode) } };
        }
        const text = listing(dump);
        return { text, data: { id, instructions: text.split('\n') } };
      },
    },
    pin: {
      takes: 'PATH',
      run(which, [path]) {
        using program = openProgram(which);
        program.pin(path!);
        return undefined;
      },
    },
  },
};

/** With the lines of the source and the names of functions and maps, where the program was loaded with types. */
function listing({ info, code, lines, functions }: ProgramDump): string {
  const btf = info.btfId === 0 ? undefined : typesOf(info.btfId);
  const options = btf === undefined ? {} : { lines: sourceLines(btf, lines), functions: functionNames(btf, functions) };
  return disassemble(decode(code), {
    slots: true,
    ...options,
    names: {
      helper: (distance) => helperAt(distance),
      // The kernel shows the numbers of maps where the object had their places.
      symbol: (imm) => (imm.kind === 'map_fd' || imm.kind === 'map_value' ? mapName(imm.fd) : undefined),
    },
  });
}

/** The verifier leaves of a call how far the helper lies from the kernel's own place for them; inlined ones are gone. */
function helperAt(distance: number): string | undefined {
  symbols ??= { all: new KernelSymbols(), base: findKernelSymbols('__bpf_call_base')[0]?.address };
  const { all, base } = symbols;
  return base === undefined ? undefined : all.find(base + BigInt(distance))?.name;
}

let symbols: { readonly all: KernelSymbols; readonly base: bigint | undefined } | undefined;

function sourceLines(btf: Btf, words: Uint32Array): LineInfo[] {
  return Array.from({ length: words.length / 4 }, (_, i) => {
    const [slot, file, text, place] = words.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number];
    return { slot, file: btf.string(file), text: btf.string(text), line: place >>> 10, column: place & 1023 };
  });
}

function functionNames(btf: Btf, words: Uint32Array): Map<number, string> {
  const found = new Map<number, string>();
  for (let i = 0; i + 1 < words.length; i += 2) found.set(words[i]!, btf.name(words[i + 1]!));
  return found;
}

/** `counts(17)` */
function mapName(id: number): string {
  try {
    using handle = openMapHandle(id);
    return `${mapInfo(handle.fd).name}(${id})`;
  } catch {
    return String(id);
  }
}

function typesOf(id: number): Btf | undefined {
  try {
    return Btf.parse(btfBytesOf(id));
  } catch {
    return undefined; // on top of the kernel's own, or gone
  }
}
