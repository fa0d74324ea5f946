// @ts-check
/** The part of behave.mjs that runs programs: a line of JSON in for each file, a line out. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { compileTypes, kernel, open, vm } from 'skep';

/** Program types whose test runs have nothing but a packet or a context to look at, and do nothing to the machine. */
const PACKETS = new Set([
  'BPF_PROG_TYPE_XDP',
  'BPF_PROG_TYPE_SCHED_CLS',
  'BPF_PROG_TYPE_SCHED_ACT',
  'BPF_PROG_TYPE_SOCKET_FILTER',
  'BPF_PROG_TYPE_CGROUP_SKB',
  'BPF_PROG_TYPE_LWT_IN',
  'BPF_PROG_TYPE_LWT_OUT',
  'BPF_PROG_TYPE_LWT_XMIT',
  'BPF_PROG_TYPE_FLOW_DISSECTOR',
]);
const CONTEXTS = new Set(['BPF_PROG_TYPE_RAW_TRACEPOINT']);
/** Nanoseconds that one measurement takes, about, and how many of them there are. */
const MEASURED = 10_000_000;
const ROUNDS = 5;

const mac = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const ports = [0x30, 0x39, 0, 80];
const tcp = [...ports, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];
const udp = [...ports, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
const ipv4 = (/** @type {number} */ protocol, /** @type {number[]} */ payload) => [
  ...[0x45, 0, 0, 20 + payload.length, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
  ...payload,
];
const ipv6 = (/** @type {number} */ protocol, /** @type {number[]} */ payload) => [
  ...[0x60, 0, 0, 0, 0, payload.length, protocol, 64],
  ...[0xfd, ...new Array(14).fill(0), 1, 0xfd, ...new Array(14).fill(0), 2],
  ...payload,
];
const packet = (/** @type {number[]} */ ...bytes) => {
  const out = new Uint8Array(Math.max(64, bytes.length));
  out.set(bytes);
  return out;
};
const packets = [
  packet(...mac, 8, 0, ...ipv4(6, tcp)),
  packet(...mac, 8, 0, ...ipv4(17, udp)),
  packet(...mac, 0x86, 0xdd, ...ipv6(6, tcp)),
  packet(...mac, 0x81, 0, 0, 5, 8, 0, ...ipv4(17, udp)),
  packet(...mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1),
];
const contexts = [0n, 1n].map((first) => new Uint8Array(new BigUint64Array(12).fill(7n).fill(first, 0, 1).buffer));

const homes = [kernel(), vm({ btf: compileTypes })];

for await (const line of createInterface({ input: process.stdin })) {
  const { file, clang, skep } = JSON.parse(line);
  /** @type {import('./behave.mjs').Behaviour[]} */
  const results = [];
  try {
    const specs = [clang, skep].map((path) => open(path, new Uint8Array(readFileSync(path))).spec);
    for (const { name, hook } of specs[0].object.programs) {
      const type = hook?.programType ?? '';
      const inputs = PACKETS.has(type)
        ? packets.map((data) => ({ data }))
        : CONTEXTS.has(type)
          ? contexts.map((context) => ({ context }))
          : [];
      if (inputs.length === 0 || !specs[1].object.programs.some((one) => one.name === name)) continue;
      for (const home of homes)
        results.push({ file, program: name, home: home.kind, ...compareRuns(home, specs, name, inputs) });
    }
  } catch {
    // An object that cannot be opened has no programs to run.
  }
  process.stdout.write(`${JSON.stringify(results)}\n`);
}
process.exit(0);

/** @returns {Pick<import('./behave.mjs').Behaviour, 'outcome' | 'what' | 'clangNs' | 'skepNs'>} */
function compareRuns(
  /** @type {import('skep').Host} */ home,
  /** @type {import('skep').Spec[]} */ [clang, skep],
  /** @type {string} */ program,
  /** @type {import('skep').HostTestRun[]} */ inputs,
) {
  /** @type {string[]} */
  let expected;
  try {
    expected = answers(home, clang, program, inputs);
    if (answers(home, clang, program, inputs).some((one, i) => one !== expected[i])) return { outcome: 'varies' };
  } catch (error) {
    return { outcome: 'refused', what: said(error) };
  }
  try {
    const got = answers(home, skep, program, inputs);
    const at = got.findIndex((one, i) => one !== expected[i]);
    if (at >= 0) return { outcome: 'different', what: `${expected[at].slice(0, 400)} | ${got[at].slice(0, 400)}` };
  } catch (error) {
    return { outcome: 'different', what: said(error) };
  }
  return home.kind === 'vm'
    ? { outcome: 'same' }
    : { outcome: 'same', ...time(home, [clang, skep], program, inputs[0]) };
}

/** What each run gives back, and what maps and variables hold after the last. */
function answers(
  /** @type {import('skep').Host} */ home,
  /** @type {import('skep').Spec} */ spec,
  /** @type {string} */ program,
  /** @type {import('skep').HostTestRun[]} */ inputs,
) {
  const loaded = spec.load(home, { programs: [program], pins: false });
  try {
    const one = loaded.programs.get(program);
    const out = inputs.map((input) => {
      const { retval, dataOut, contextOut } = /** @type {import('skep').LoadedProgram} */ (one).run(input);
      return text({ retval, dataOut, contextOut });
    });
    const maps = [...loaded.maps.values()]
      .filter((map) => map.spec.keyType !== 0 && map.spec.data === undefined)
      .map((map) => [map.name, map.entries()])
      .sort(byName);
    const globals = spec.object.globals
      .filter(({ map }) => map === '.bss' || map === '.data')
      .map(({ name }) => [name, loaded.global(name)])
      .sort(byName);
    return [...out, text({ maps }), text(Object.fromEntries(globals))];
  } finally {
    loaded.close();
  }
}

/** Compilers may put them in any order. */
function byName(/** @type {unknown[]} */ a, /** @type {unknown[]} */ b) {
  return String(a[0]) < String(b[0]) ? -1 : 1;
}

/** Rounds of both are interleaved, so that what else the machine does meets both. */
function time(
  /** @type {import('skep').Host} */ home,
  /** @type {import('skep').Spec[]} */ specs,
  /** @type {string} */ program,
  /** @type {import('skep').HostTestRun} */ input,
) {
  const loaded = specs.map((spec) => spec.load(home, { programs: [program], pins: false }));
  try {
    const best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    const run = (/** @type {number} */ i, /** @type {number} */ repeat) =>
      /** @type {import('skep').LoadedProgram} */ (loaded[i].programs.get(program)).run({ ...input, repeat }).nsPerRun;
    // Test runs with a context alone cannot be repeated, and are not timed.
    if (input.data === undefined) return {};
    const repeat = Math.max(100, Math.min(100_000, Math.round(MEASURED / Math.max(1, run(0, 1000)))));
    for (let round = 0; round < ROUNDS; round++) for (const i of [0, 1]) best[i] = Math.min(best[i], run(i, repeat));
    return { clangNs: best[0], skepNs: best[1] };
  } finally {
    for (const one of loaded) one.close();
  }
}

function text(/** @type {unknown} */ value) {
  return JSON.stringify(value, (_key, one) =>
    typeof one === 'bigint' ? `${one}n` : one instanceof Uint8Array ? Buffer.from(one).toString('hex') : one,
  );
}

function said(/** @type {unknown} */ error) {
  const first = /** @type {{diagnostics?: {code: string, message: string}[]}} */ (error).diagnostics?.[0];
  return first === undefined ? String(error).slice(0, 200) : `${first.code} ${first.message.slice(0, 200)}`;
}
