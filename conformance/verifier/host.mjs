// @ts-check
/**
 * Asks the running kernel what it says of a program that is there as skep's verifier takes it. Only loads: nothing is
 * attached or run, and each program is closed at once.
 */

import { btfFeatures, kernel, kernelBtf, ProgramRefused, probeProgram } from '@skep/kernel';
import { BtfBuilder, sanitizeBtf } from '@skep/object';

/** @typedef {import('@skep/verifier').VerifyInput} VerifyInput */
/** @typedef {import('@skep/verifier').MapInfo} MapInfo */
/** @typedef {import('@skep/object').Btf} Btf */
/**
 * @typedef {object} HostVerdict
 * @property {boolean} accepted
 * @property {boolean} asked false where it did not come to the verifier: `text` says why
 * @property {string} text the last line of its log
 * @property {number} processed
 * @property {string} log
 */

const MAP = { stackTrace: 7, ringbuf: 27, userRingbuf: 31 };
/** Storages of cgroups, sockets, inodes and tasks. */
const WITHOUT_SIZE = new Set([19, 21, 24, 28, 29, 32]);
const EPERM = 1;
const EAGAIN = 11;
const TRACING = 26;
const STRUCT_OPS = 27;
const LSM = 29;
const BPF_TRACE_RAW_TP = 23;
const BPF_TRACE_ITER = 28;

export class HostVerifier {
  kernel = kernel();
  types = kernelBtf();
  /** @type {Map<MapInfo, import('@skep/kernel').BpfMap>} */
  maps = new Map();
  /** @type {Map<Btf, { readonly fd: number, close(): void }>} */
  btfs = new Map();
  /** @type {Map<string, number>} */
  symbols = new Map();

  close() {
    for (const map of this.maps.values()) map.close();
    for (const btf of this.btfs.values()) btf.close();
    this.maps.clear();
    this.btfs.clear();
  }

  /** @param {Btf | undefined} btf */
  btf(btf) {
    if (btf === undefined) return undefined;
    let handle = this.btfs.get(btf);
    if (handle === undefined) {
      try {
        handle = this.kernel.loadBtf(BtfBuilder.from(btf).toBytes());
      } catch {
        handle = this.kernel.loadBtf(sanitizeBtf(btf, btfFeatures()).toBytes());
      }
      this.btfs.set(btf, handle);
    }
    return handle;
  }

  /** @param {MapInfo} info @param {Btf | undefined} btf @returns {import('@skep/kernel').BpfMap} */
  map(info, btf) {
    let map = this.maps.get(info);
    if (map !== undefined) return map;
    const typed = info.valueType !== 0 && btf !== undefined;
    // Sizes that programs leave to their loaders.
    const ring = info.type === MAP.ringbuf || info.type === MAP.userRingbuf;
    map = this.kernel.createMap({
      name: info.name.replace(/[^\w.]/g, '_').slice(0, 15),
      type: info.type,
      keySize: info.keySize,
      valueSize: info.type === MAP.stackTrace ? info.valueSize || 127 * 8 : info.valueSize,
      maxEntries: info.maxEntries || (WITHOUT_SIZE.has(info.type) ? 0 : ring ? 4096 : 1),
      flags: info.flags,
      inner: info.inner && this.map(info.inner, btf),
      btf: typed
        ? { handle: /** @type {any} */ (this.btf(btf)), keyType: info.keyType, valueType: info.valueType }
        : undefined,
    });
    this.maps.set(info, map);
    if (info.contents !== undefined) {
      map.update(new Uint8Array(4), info.contents);
      map.freeze();
    }
    return map;
  }

  /** @param {VerifyInput} input */
  target(input) {
    const name = input.attachTarget;
    if (name === undefined) return undefined;
    if (input.type === STRUCT_OPS) return this.types.find(name, 'struct');
    if (input.type === LSM) return this.types.find(name.startsWith('bpf_lsm_') ? name : `bpf_lsm_${name}`, 'func');
    if (input.attachType === BPF_TRACE_RAW_TP) return this.types.find(`btf_trace_${name}`, 'typedef');
    if (input.attachType === BPF_TRACE_ITER)
      return this.types.find(name.startsWith('bpf_iter_') ? name : `bpf_iter_${name}`, 'func');
    return this.types.find(name, 'func');
  }

  /**
   * What BPF_PROG_LOAD is given, or why it cannot be asked.
   * @param {VerifyInput} input
   * @returns {import('@skep/kernel').ProgramOptions | string}
   */
  prepare(input) {
    const code = input.code.slice();
    const view = new DataView(code.buffer);
    try {
      for (const [slot, index] of input.mapAt ?? []) {
        const info = input.maps?.[index];
        if (info !== undefined && slot * 8 + 8 <= code.length)
          view.setInt32(slot * 8 + 4, this.map(info, input.btf).fd, true);
      }
      for (const [slot, symbol] of input.symbols ?? []) {
        if (slot * 8 + 8 > code.length) continue;
        const id = this.symbol(symbol);
        if (id === undefined) return `${symbol.name} is not in this kernel`;
        view.setInt32(slot * 8 + 4, id, true);
      }
    } catch (error) {
      return /** @type {Error} */ (error).message;
    }
    const traced = input.type === TRACING || input.type === LSM || input.type === STRUCT_OPS;
    const attachBtfId = traced ? this.target(input) : undefined;
    if (traced && input.attachTarget !== undefined && attachBtfId === undefined) return `no ${input.attachTarget}`;
    /** @type {Uint8Array | undefined} */
    let funcInfo;
    if (input.funcInfo?.length) {
      funcInfo = new Uint8Array(input.funcInfo.length * 8);
      const words = new DataView(funcInfo.buffer);
      for (const [i, one] of input.funcInfo.entries()) {
        words.setUint32(i * 8, one.slot, true);
        words.setUint32(i * 8 + 4, one.type, true);
      }
    }
    const handle = this.btf(input.btf);
    const struct = input.type === STRUCT_OPS && attachBtfId !== undefined ? this.types.type(attachBtfId) : undefined;
    const member =
      struct?.kind === 'struct'
        ? struct.members.findIndex((one) => one.name === input.structOpsMember)
        : input.attachType;
    return {
      name: 'asked',
      type: input.type,
      code,
      license: input.license ?? '',
      expectedAttachType: member,
      flags: input.flags ?? 0,
      attachBtfId,
      ...(handle && funcInfo && { btf: /** @type {any} */ (handle), funcInfo }),
    };
  }

  /** @param {import('@skep/verifier').KernelSymbol} symbol */
  symbol({ kind, name }) {
    const key = `${kind} ${name}`;
    let id = this.symbols.get(key);
    if (id === undefined) {
      id = this.types.find(
        name,
        ...(kind === 'kfunc' ? /** @type {const} */ (['func']) : /** @type {const} */ (['var', 'func'])),
      );
      if (id !== undefined) this.symbols.set(key, id);
    }
    return id;
  }

  /**
   * Only whether it is accepted; undefined where it did not come to a verdict. No log is written, which is the fast way.
   * @param {VerifyInput} input
   * @returns {boolean | undefined}
   */
  accepts(input) {
    const options = this.prepare(input);
    if (typeof options === 'string') return undefined;
    const errno = probeProgram(options);
    return errno === EAGAIN || errno === EPERM ? undefined : errno === 0;
  }

  /** With maps of its own: some maps remember what kind of program used them first. @param {VerifyInput} input */
  afresh(input) {
    const fresh = new HostVerifier();
    const said = fresh.verdict(input);
    fresh.close();
    return said;
  }

  /**
   * @param {VerifyInput} input
   * @param {{ logLevel?: number }} [options]
   * @returns {HostVerdict}
   */
  verdict(input, options = {}) {
    const no = (/** @type {string} */ text) => ({ accepted: false, asked: false, text, processed: 0, log: '' });
    try {
      const prepared = this.prepare(input);
      if (typeof prepared === 'string') return no(prepared);
      const program = this.kernel.loadProgram({ ...prepared, logLevel: options.logLevel ?? 0 });
      const { log } = program;
      program.close();
      return { accepted: true, asked: true, text: '', processed: processed(log), log };
    } catch (error) {
      if (!(error instanceof ProgramRefused)) return no(/** @type {Error} */ (error).message);
      // A signal came in between: the verifier stopped without a verdict.
      if (error.errno === EAGAIN) return no('interrupted');
      return {
        accepted: false,
        asked: true,
        text: lastLine(error.log),
        processed: processed(error.log),
        log: error.log,
      };
    }
  }
}

const processed = (/** @type {string} */ log) => Number(/^processed (\d+) insns/m.exec(log)?.[1] ?? 0);

const lastLine = (/** @type {string} */ log) =>
  log
    .split('\n')
    .filter((line) => line !== '' && !/^(processed \d|verification time|stack depth|mark_precise|func#)/.test(line))
    .at(-1) ?? '';
