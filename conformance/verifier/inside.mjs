// @ts-check
/**
 * Runs of accepted programs in the virtual machine, held against what the verifier knew: before every instruction some
 * state that it had there must hold all numbers in the registers of the run.
 */
import { applyCore } from '@skep/object';
import { verify } from '@skep/verifier';
import { Machine, testRun } from '@skep/vm';

/** @typedef {import('@skep/verifier').RegisterView} View */
/** @typedef {{ programs: number, fitted: number, runs: number, instructions: number, outside: string[], 'not run': number }} Figures */

/** More states than this are not kept: such a program is left out. */
const MOST_STATES = 20000;
const LOW = 0xffffffffn;
/** Longest context that is made up, in bytes. */
const CONTEXT = 512;

/** @returns {Figures} `fitted`: programs that were fitted to a kernel's types. */
export const noFigures = () => ({ programs: 0, fitted: 0, runs: 0, instructions: 0, outside: [], 'not run': 0 });

/**
 * @param {string} name of the object
 * @param {import('@skep/object').ObjectSpec} object
 * @param {{ program: import('@skep/object').ProgramSpec, input: import('@skep/verifier').VerifyInput }} one
 * @param {{ runs: number, random: () => number, types: import('@skep/object').Btf, figures: Figures }} options
 */
export function compareRuns(name, object, { program, input }, { runs, random, types, figures }) {
  // What the kernel was configured with is known to the verifier, and not to a machine without a loader.
  if (object.maps.some((map) => map.data === 'kconfig')) return;
  // Which functions there are is a matter of the kernel, too.
  if (program.references.some((one) => (one.kind === 'kfunc' || one.kind === 'ksym') && one.weak)) return;
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
  if (!verdict.accepted || kept > MOST_STATES) return;
  const fitted = program.core.length > 0 && object.btf !== undefined;
  const spec = fitted
    ? { ...program, code: applyCore(program, /** @type {any} */ (object.btf), types).code, core: [] }
    : program;
  figures.programs++;
  if (fitted) figures.fitted++;
  const bytes = (/** @type {number} */ length) => new Uint8Array(length).map(() => Math.floor(random() * 256));
  for (let i = 0; i < runs; i++) {
    const machine = new Machine();
    let said = false;
    machine.observer = {
      before(run, _code, pc, frame) {
        figures.instructions++;
        const found = states.get(pc);
        const inside = found?.some((registers) => registers.every((view, r) => holds(view, run.r, r)));
        if (inside || said) return;
        said = true;
        figures.outside.push(
          `${name} ${program.name}: instruction ${pc} of frame ${frame}: ${found?.length ?? 0} states, none holds the run`,
        );
      },
    };
    const data = bytes(64 + Math.floor(random() * 200));
    if (random() < 0.7) data.set([8, 0, 0x45], 12);
    try {
      // Of an array of events its loader gives the size.
      const sized = object.maps.map((map) => ({ ...map, maxEntries: map.maxEntries || 1 }));
      const maps = new Map(sized.map((map) => [map.name, machine.createMap(map)]));
      const loaded = machine.loadProgram(spec, maps, object.btf);
      const given = PACKETS.has(input.type) ? { data } : { context: input.type === LSM ? verdicts() : bytes(CONTEXT) };
      testRun(machine, loaded, /** @type {any} */ ({ hook: program.hook, ...given }));
      figures.runs++;
    } catch {
      figures['not run']++;
      break;
    }
  }
}

/** Programs of `BPF_PROG_TYPE_LSM` are told the verdict so far, which is none or an error number. */
const LSM = 29;
const verdicts = () => new Uint8Array(BigInt64Array.from({ length: CONTEXT / 8 }, (_, i) => BigInt(-(i % 5))).buffer);

/** Programs that are given a packet: socket filters, classifiers, XDP, sockets of cgroups. */
const PACKETS = new Set([1, 3, 6, 8]);

/** @param {View | undefined} view @param {Int32Array} halves of all registers @param {number} r */
function holds(view, halves, r) {
  if (view === undefined || view.kind !== 'scalar') return true;
  const value =
    (BigInt(/** @type {number} */ (halves[2 * r + 1]) >>> 0) << 32n) |
    BigInt(/** @type {number} */ (halves[2 * r]) >>> 0);
  return (
    value >= view.umin &&
    value <= view.umax &&
    BigInt.asIntN(64, value) >= view.smin &&
    BigInt.asIntN(64, value) <= view.smax &&
    Number(value & LOW) >= view.umin32 &&
    Number(value & LOW) <= view.umax32 &&
    (value & ~view.bits.unknown & 0xffffffffffffffffn) === view.bits.value
  );
}
