// @ts-check
/**
 * What harness.c does, through skep: `node skep.mjs BUNDLE OBJECT…` prints the same lines. Programs are loaded by a child
 * process, because a verifier that takes too long can be ended only with the process that waits for it.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Milliseconds that one program may take, as in harness.c. */
const PATIENCE = 600_000;
/** BPF_OBJ_NAME_LEN without the NUL. */
const NAME_LENGTH = 15;
/** Index of the object as a whole, behind its programs. */
const WHOLE = -1;

const [bundle, ...objects] = process.argv.slice(2);
if (bundle === undefined) throw new Error('usage: node skep.mjs BUNDLE OBJECT…');
if (process.send) {
  const skep = await import(bundle);
  process.on('message', (/** @type {{object: string, from: number}} */ { object, from }) => {
    loadObject(skep, object, from);
    process.send?.({ done: true });
  });
} else await supervise(bundle, objects);

/** One child after another; what it was at when it did not answer in time is said, and the next goes on behind it. */
async function supervise(/** @type {string} */ bundlePath, /** @type {string[]} */ list) {
  let child = start();
  for (const object of list) {
    let from = 0;
    for (;;) {
      const ended = await follow(child, object, from);
      if (ended === undefined) break;
      process.stdout.write(`${JSON.stringify({ object, index: ended, error: -4, said: 'ended by signal 14' })}\n`);
      child = start();
      if (ended === WHOLE) break;
      from = ended + 1;
    }
  }
  child.disconnect();

  function start() {
    return fork(fileURLToPath(import.meta.url), [bundlePath], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }
}

/** @returns {Promise<number | undefined>} where the child was when it was ended, undefined when it came to the end */
function follow(
  /** @type {import('node:child_process').ChildProcess} */ child,
  /** @type {string} */ object,
  /** @type {number} */ from,
) {
  return new Promise((resolve) => {
    let at = from;
    let timer = setTimeout(end, PATIENCE);
    child.on('message', hear);
    child.once('exit', died);
    child.send({ object, from });
    let answered = false;

    function hear(/** @type {any} */ message) {
      answered = true;
      clearTimeout(timer);
      if (message.done) settle(undefined);
      else {
        at = message.at;
        timer = setTimeout(end, PATIENCE);
      }
    }
    function died() {
      if (!answered) throw new Error('the child does not start');
      settle(at);
    }
    function end() {
      child.kill('SIGKILL');
    }
    function settle(/** @type {number | undefined} */ where) {
      clearTimeout(timer);
      child.off('message', hear);
      child.off('exit', died);
      resolve(where);
    }
  });
}

function loadObject(/** @type {any} */ skep, /** @type {string} */ object, /** @type {number} */ from) {
  /** @type {any} */
  let spec;
  try {
    spec = new skep.Spec(skep.openObject(new Uint8Array(readFileSync(object)), { name: object }));
  } catch (error) {
    say({ object, open: true, ...refusal(error) });
    return;
  }
  for (let index = from === WHOLE ? spec.programs.length : from; index < spec.programs.length; index++) {
    process.send?.({ at: index });
    const { name, section } = spec.programs[index];
    const watched = watch(skep.openKernel());
    const result = attempt(skep, spec, { programs: [name] });
    watched.stop();
    const log = (result.log ?? '').slice(-600);
    say({ object, program: name, section, code: watched.code(), ...result, log, stack: undefined });
  }
  process.send?.({ at: WHOLE });
  say({ object, ...attempt(skep, spec, {}), log: undefined });
}

function attempt(/** @type {any} */ skep, /** @type {any} */ spec, /** @type {any} */ options) {
  const host = skep.kernel();
  try {
    spec.load(host, { ...options, pins: false }).close();
    return { error: 0 };
  } catch (error) {
    return refusal(error);
  } finally {
    host.close();
  }
}

/** An error without a code is a fault of skep's and is told apart. */
function refusal(/** @type {any} */ error) {
  const isValue = Array.isArray(error.diagnostics);
  return {
    error: error.errno ? -error.errno : -1,
    said: String(isValue ? error.message : error.stack).slice(0, 900),
    ...(error.log !== undefined && { log: error.log }),
    ...(isValue ? { code8: error.code } : { crash: true }),
  };
}

/** Keeps the instructions of the last program that the kernel was given, and the names of the maps in them. */
function watch(/** @type {any} */ kernel) {
  const { loadProgram, createMap } = kernel;
  const names = new Map();
  /** @type {Uint8Array | undefined} */
  let given;
  kernel.createMap = (/** @type {any} */ options) => {
    const map = createMap(options);
    names.set(map.fd, options.name);
    return map;
  };
  kernel.loadProgram = (/** @type {any} */ options) => {
    given = options.code;
    return loadProgram(options);
  };
  return {
    code: () => given && hex(given, names),
    stop() {
      kernel.loadProgram = loadProgram;
      kernel.createMap = createMap;
    },
  };
}

function hex(/** @type {Uint8Array} */ code, /** @type {Map<number, string>} */ names) {
  const bytes = Buffer.from(code);
  for (let at = 0; at + 16 <= bytes.length; at += 8) {
    if (bytes[at] !== 0x18) continue;
    const source = /** @type {number} */ (bytes[at + 1]) >> 4;
    // BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE
    if (source === 1 || source === 2) bytes.writeUInt32LE(hashOf(names.get(bytes.readInt32LE(at + 4))), at + 4);
    at += 8;
  }
  return bytes.toString('hex');
}

/** FNV-1a, as in harness.c. */
function hashOf(/** @type {string | undefined} */ name) {
  if (name === undefined) return 0;
  let hash = 2166136261;
  for (const char of name.slice(0, NAME_LENGTH)) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619) >>> 0;
  return hash;
}

function say(/** @type {object} */ line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
