// @ts-check
/**
 * `node try.mjs BUNDLE JOBS HOME` says in lines of JSON what becomes of each program of some objects in one home: `vm`,
 * `kernel`, or `attach`, the kernel with every program attached for a moment. The last is for guests that are thrown away.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** @typedef {{file: string, object: string, settings: import('./settings.mjs').Settings}} Job */
/** @typedef {import('skep').Spec} Spec */
/** @typedef {import('skep').Loaded} Loaded */
/** @typedef {import('skep').VmHost} VmHost */
/** @typedef {import('@skep/vm').StructOps} StructOps */

const [bundle, jobs, home] = process.argv.slice(2);
if (bundle === undefined || jobs === undefined || home === undefined)
  throw new Error('usage: node try.mjs BUNDLE JOBS vm|kernel|attach');
/** @type {typeof import('skep') & Pick<typeof import('@skep/vm'), 'SimulatedHid' | 'SimulatedQdisc' | 'SimulatedScheduler'>} */
const skep = await import(bundle);

/** Ethernet, IPv4, TCP from 10.0.0.1:1234 to 10.0.0.2:80, and some bytes of a request. */
const SEGMENT = new Uint8Array(
  Buffer.from(
    `020000000002020000000001080045000038000100004006${'0000'}0a0000010a00000204d2005000000001000000005018200000000000${Buffer.from('GET / HTTP/1.1\r\n').toString('hex')}`,
    'hex',
  ),
);

/** @type {Record<string, string>} */
const PLACES = {
  uprobe: '/bin/bash:readline',
  uretprobe: '/bin/bash:readline',
  kprobe: 'vfs_read',
  kretprobe: 'vfs_read',
  usdt: '/usr/lib/x86_64-linux-gnu/libstdc++.so.6:libstdcxx:throw',
};

/** @type {Record<string, (host: VmHost, ops: StructOps) => string | undefined>} */
const SIMULATIONS = {
  sched_ext_ops(host, ops) {
    const scheduler = new skep.SimulatedScheduler(host.machine, ops);
    scheduler.add({ pid: 1, plan: [30e6, 5e6, 30e6] }, { pid: 2, weight: 300, plan: [100e6] });
    scheduler.add({ pid: 3, plan: [50e6, 5e6, 50e6] });
    const { exit, tasks } = scheduler.run(1e9);
    if (exit.kind === 'error') return `the scheduler ended: ${exit.message}`;
    return [...tasks.values()].every((one) => one.done) ? undefined : 'a task was never done';
  },
  hid_bpf_ops(host, ops) {
    const device = new skep.SimulatedHid(host.machine, ops);
    device.descriptor();
    device.report(new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7, 8]));
    return undefined;
  },
  Qdisc_ops(host, ops) {
    const qdisc = new skep.SimulatedQdisc(host.machine, ops);
    for (let i = 0; i < 3; i++) qdisc.enqueue({ length: 100 });
    for (let i = 0; i < 3; i++) qdisc.dequeue();
    qdisc.reset();
    qdisc.destroy();
    return undefined;
  },
};

const places = home === 'attach' ? await makePlaces() : {};

for (const job of /** @type {Job[]} */ (JSON.parse(readFileSync(jobs, 'utf8')))) {
  const { spec } = skep.open(job.object, new Uint8Array(readFileSync(job.object)));
  const ready = settle(spec, job.settings);
  const { types: source } = job.settings;
  const types = source ? skep.open('types.c', new TextEncoder().encode(source)).spec.object.btf : undefined;
  const simulated = home === 'vm' ? simulate(ready) : new Map();
  for (const { name, section } of spec.programs) {
    const result = simulated.get(name) ?? attempt(ready, name, home, types);
    say({ file: job.file, program: name, section, ...result });
  }
}
process.exit(0);

/** What the lesson's own program does between opening and loading. */
function settle(/** @type {Spec} */ spec, /** @type {Job['settings']} */ { globals = {}, maps = {} }) {
  const sized = spec.object.maps.map((map) => ({ ...map, ...maps[map.name] }));
  return new skep.Spec({ ...spec.object, maps: sized }).with(globals);
}

function attempt(
  /** @type {Spec} */ spec,
  /** @type {string} */ name,
  /** @type {string} */ where,
  /** @type {import('@skep/object').Btf | undefined} */ types,
) {
  const machine = where === 'vm' ? skep.vm({ btf: skep.bundledTypes }) : undefined;
  const host = machine ?? skep.kernel();
  /** @type {Loaded | undefined} */
  let loaded;
  try {
    try {
      loaded = standIn(spec, name).load(host, { programs: [name], pins: false, types });
    } catch (error) {
      return { loads: false, said: reason(error) };
    }
    if (where === 'kernel') return { loads: true };
    const program = loaded.programs.get(name);
    if (program === undefined) throw new Error(`${name} is loaded, and not there`);
    try {
      if (machine !== undefined) return { loads: true, runs: true, retval: runOnce(machine, program) };
      const link = program.attach(places);
      const { via } = link;
      link.close();
      return { loads: true, attaches: true, via };
    } catch (error) {
      return { loads: true, said: reason(error) };
    }
  } finally {
    loaded?.close();
    host.close();
  }
}

/**
 * Structures of functions around which the virtual machine simulates what calls them: all programs together, over the types
 * that the object brings along. Gives what became of each.
 */
function simulate(/** @type {Spec} */ spec) {
  /** @type {Map<string, object>} */
  const results = new Map();
  const structs = spec.object.maps.filter((map) => map.structOps);
  if (structs.length === 0) return results;
  const host = skep.vm({ btf: spec.object.btf, cpus: 2 });
  /** @type {Loaded | undefined} */
  let loaded;
  try {
    loaded = spec.load(host, { pins: false });
    for (const ops of host.structOps.values()) {
      const simulation = SIMULATIONS[ops.struct];
      if (simulation === undefined) continue;
      const programs = [...ops.programs].map(([member, program]) => ({ member, name: program.spec.name }));
      const ran = new Set();
      for (const method of /** @type {const} */ (['call', 'callKnown'])) {
        const call = ops[method].bind(ops);
        ops[method] = (/** @type {string} */ member, /** @type {import('@skep/vm').StructOpsArgument[]} */ ...args) => {
          const result = call(member, ...args);
          ran.add(member);
          return result;
        };
      }
      let said;
      try {
        said = simulation(host, ops);
      } catch (error) {
        said = reason(error);
      }
      for (const { member, name } of programs) {
        const runs = ran.has(member);
        results.set(name, { loads: true, runs, ...(!runs && { said: said ?? 'the simulation never came to it' }) });
      }
    }
  } catch (error) {
    // Then each program says why by itself.
    if (!(error instanceof Error && 'diagnostics' in error)) throw error;
  } finally {
    loaded?.close();
    host.close();
  }
  return results;
}

/** Programs whose place only the lesson's own program knows get one of the same kind that is there everywhere. */
function standIn(/** @type {Spec} */ spec, /** @type {string} */ name) {
  const programs = spec.object.programs.map((one) => {
    const [kind = '', target = ''] = one.section.split(/\/(.*)/s);
    const place = one.name === name && !isPlace(kind, target) ? PLACES[kind] : undefined;
    if (place === undefined || one.hook === undefined) return one;
    return { ...one, section: `${kind}/${place}`, hook: { ...one.hook, target: place } };
  });
  return new skep.Spec({ ...spec.object, programs });
}

function isPlace(/** @type {string} */ kind, /** @type {string} */ target) {
  if (target.startsWith('dummy_')) return false;
  // Programs that the lessons build themselves are not there.
  return /^u(ret)?probe|^usdt/.test(kind) ? /:/.test(target) && existsSync(target.replace(/:.*/, '')) : target !== '';
}

/** Once, on what a quiet machine would give it: zeros, a TCP segment; of struct_ops, structures of zeros. */
function runOnce(/** @type {VmHost} */ host, /** @type {import('skep').LoadedProgram} */ program) {
  for (const ops of host.structOps.values())
    for (const [member, { spec }] of ops.programs) if (spec.name === program.name) return callOnce(ops, member);
  const { programType = '', attachType } = program.spec.hook ?? {};
  if (/XDP|SCHED_CLS|SOCKET_FILTER|SK_SKB|CGROUP_SKB/.test(programType)) return program.run({ data: SEGMENT }).retval;
  if (attachType === 'BPF_TRACE_ITER') return program.run({ context: {} }).retval;
  if (/TRACING|LSM|RAW_TRACEPOINT|KPROBE/.test(programType)) {
    const args = typedArguments(host, program.spec.hook) ?? new Array(6).fill(0);
    return program.run({ context: { args, ...(attachType === 'BPF_TRACE_FEXIT' && { ret: 0 }) } }).retval;
  }
  if (programType === 'BPF_PROG_TYPE_TRACEPOINT') return program.run({ context: new Uint8Array(512) }).retval;
  return program.run({}).retval;
}

/** Of functions whose arguments the types of the kernel tell: structures of zeros where it takes pointers to such. */
function typedArguments(/** @type {VmHost} */ host, /** @type {import('@skep/object').ProgramSpec['hook']} */ hook) {
  const { programType = '', attachType, target = '' } = hook ?? {};
  if (!/TRACING|LSM/.test(programType) || attachType === 'BPF_TRACE_RAW_TP') return undefined;
  const types = skep.bundledTypes();
  const id = types.find(programType === 'BPF_PROG_TYPE_LSM' ? `bpf_lsm_${target}` : target, 'func');
  const func = id === undefined ? undefined : types.type(id);
  const proto = func?.kind === 'func' ? types.type(func.type) : undefined;
  if (proto?.kind !== 'func_proto') return undefined;
  return proto.params.map(({ type }) => {
    const pointer = types.type(types.resolve(type));
    const struct = pointer.kind === 'ptr' ? types.type(types.resolve(pointer.type)) : undefined;
    return struct?.kind === 'struct' ? skep.kernelObject(host.machine, types, struct.name, {}) : 0;
  });
}

/** Structures where the kernel would give structures: a call that refuses a number is tried with one. */
function callOnce(/** @type {StructOps} */ ops, /** @type {string} */ member) {
  const types = ops.types;
  const proto = ops.prototypeOf(member);
  const args = proto.params.map(({ type }) => {
    const pointer = types.type(types.resolve(type));
    const target = pointer.kind === 'ptr' ? types.type(types.resolve(pointer.type)) : undefined;
    return target?.kind === 'struct' && (target.size ?? 0) > 0 ? {} : 0;
  });
  return Number(ops.call(member, ...args) ?? 0);
}

/** Where programs can be attached that do not say it: in a guest of one's own. */
async function makePlaces() {
  const cgroup = '/sys/fs/cgroup/tutorial';
  mkdirSync(cgroup, { recursive: true });
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
  const socket = /** @type {{_handle: {fd: number}}} */ (/** @type {unknown} */ (server))._handle.fd;
  return { interface: 'lo', cgroup, socket, netfilter: { hook: 'output' } };
}

function reason(/** @type {any} */ error) {
  if (!Array.isArray(error.diagnostics)) return `crash: ${String(error.stack).slice(0, 400)}`;
  const { code, message, notes = [] } = error.diagnostics[0];
  const log = String(error.log ?? '')
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(processed|verification|stack|peak)/.test(line));
  return [`${code} ${message}`, ...notes.slice(0, 1), ...log.slice(-1)].map(String).join(' | ').slice(0, 400);
}

function say(/** @type {object} */ line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
