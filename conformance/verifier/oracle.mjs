// @ts-check
/**
 * node conformance/verifier/oracle.mjs [--suite libbpf-tools,selftests,samples] [--filter REGEXP] [--runs 20] [--seed N]
 *
 * Accepted programs, run in skep's virtual machine on random packets: before every instruction some state that the
 * verifier had there must hold all numbers in the registers of the run. Wants the packages built and clang's objects
 * as `conformance/compiler/run.mjs` leaves them; no kernel.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kernelBtf } from '@skep/kernel';
import { openObject } from '@skep/object';
import { programInputs, verify } from '@skep/verifier';
import { Machine, testRun } from '@skep/vm';
import { cacheDir } from '../compiler/corpus.mjs';

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'selftests,samples' },
    filter: { type: 'string' },
    runs: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
});

/** @typedef {import('@skep/verifier').RegisterView} View */
/** Programs that are given a packet: socket filters, classifiers, XDP, sockets of cgroups. */
const PACKETS = new Set([1, 3, 6, 8]);
const MOST_STATES = 20000;
const LOW = 0xffffffffn;
const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
const types = kernelBtf();
let state = Number(values.seed);
const random = () => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return state / 0x80000000;
};

/** @param {View | undefined} view @param {bigint} value */
const holds = (view, value) =>
  view === undefined ||
  view.kind !== 'scalar' ||
  (value >= view.umin &&
    value <= view.umax &&
    BigInt.asIntN(64, value) >= view.smin &&
    BigInt.asIntN(64, value) <= view.smax &&
    Number(value & LOW) >= view.umin32 &&
    Number(value & LOW) <= view.umax32 &&
    (value & ~view.bits.unknown & 0xffffffffffffffffn) === view.bits.value);

const figures = { programs: 0, runs: 0, instructions: 0, outside: 0, 'not run': 0 };

for (const suite of values.suite.split(',')) {
  const folder = join(cacheDir(), 'objects/clang-19-v3', suite);
  if (!existsSync(folder)) throw new Error(`no objects in ${folder}: run conformance/compiler/run.mjs first`);
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.o') || (filter && !filter.test(file))) continue;
    try {
      check(file, openObject(new Uint8Array(readFileSync(join(folder, file))), { name: file }));
    } catch (error) {
      if (!/^SkepError/.test(String(error))) throw error;
    }
  }
}
console.log(JSON.stringify(figures));
if (figures.outside > 0) process.exitCode = 1;

/** @param {string} file @param {import('@skep/object').ObjectSpec} object */
function check(file, object) {
  for (const { program, input } of programInputs(object, { kernel: '6.18', kernelBtf: types })) {
    // What is fitted to the kernel's types is another program here and there.
    if (input === undefined || !PACKETS.has(input.type) || program.core.length > 0) continue;
    /** @type {Map<number, (readonly (View | undefined)[])[]>} */
    const states = new Map();
    let kept = 0;
    const verdict = verify({
      ...input,
      budget: { time: 3000 },
      observe: (insn, _frame, registers) => {
        if (kept++ > MOST_STATES) return;
        // Whatever the depth: global functions are followed by themselves.
        const list = states.get(insn);
        if (list) list.push(registers);
        else states.set(insn, [registers]);
      },
    });
    if (!verdict.accepted || kept > MOST_STATES) continue;
    figures.programs++;
    for (let i = 0; i < Number(values.runs); i++) {
      const machine = new Machine();
      const maps = new Map(object.maps.map((map) => [map.name, machine.createMap(map)]));
      let said = false;
      machine.observer = {
        before(run, _code, pc, frame) {
          figures.instructions++;
          const found = states.get(pc);
          const inside = found?.some((registers) =>
            registers.every((view, r) => {
              if (view === undefined || view.kind !== 'scalar') return true;
              const value =
                (BigInt(/** @type {number} */ (run.r[2 * r + 1]) >>> 0) << 32n) |
                BigInt(/** @type {number} */ (run.r[2 * r]) >>> 0);
              return holds(view, value);
            }),
          );
          if (inside || said) return;
          said = true;
          figures.outside++;
          console.log(
            `${file} ${program.name}: instruction ${pc} of frame ${frame}: ${found?.length ?? 0} states, none holds the run`,
          );
        },
      };
      const data = new Uint8Array(64 + Math.floor(random() * 200)).map(() => Math.floor(random() * 256));
      if (random() < 0.7) data.set([8, 0, 0x45], 12);
      try {
        const loaded = machine.loadProgram(program, maps, object.btf);
        testRun(machine, loaded, /** @type {any} */ ({ hook: program.hook, data }));
        figures.runs++;
      } catch {
        figures['not run']++;
        break;
      }
    }
  }
}
