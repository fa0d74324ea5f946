// @ts-check
/** Reads the exam: programs as bytecode with what Linux says of each. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const EXAM = process.env['SKEP_VERIFIER_EXAM'] ?? join(root, '../shared/exams/verifier');
export const examIsHere = () => existsSync(join(EXAM, 'baseline.json.gz'));

const unpack = (/** @type {string} */ name) => gunzipSync(readFileSync(join(EXAM, name)));

/** @param {typeof import('@skep/object').Btf} Btf */
export function kernelBtf(Btf, version = '6.12') {
  return Btf.parse(new Uint8Array(unpack(`vmlinux-${version}.btf.gz`)));
}

function btfBlobs() {
  const tar = gunzipSync(readFileSync(join(EXAM, 'prog-btf.tar.gz')));
  /** @type {Map<string, Uint8Array>} */
  const blobs = new Map();
  for (let at = 0; at + 512 <= tar.length; ) {
    const name = tar.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    if (name === '') break;
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8);
    blobs.set(name.replace(/^.*\//, ''), new Uint8Array(tar.subarray(at + 512, at + 512 + size)));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return blobs;
}

/** @param {any} map @returns {import('@skep/verifier').MapInfo} */
function mapOf(map) {
  const data = map.content !== undefined ? new Uint8Array(Buffer.from(map.content, 'base64')) : undefined;
  return {
    name: map.name ?? '',
    type: map.type,
    keySize: map.key,
    valueSize: map.value,
    maxEntries: map.max,
    flags: map.flags,
    keyType: map.btf_key ?? 0,
    valueType: map.btf_val ?? 0,
    inner: map.inner ? mapOf(map.inner) : undefined,
    contents: data,
  };
}

/**
 * The types of test_verifier's map of kernel pointers, which were loaded apart from the program: a struct of three
 * tagged pointers to structs of the kernel. The struct is the last type.
 * @param {typeof import('@skep/object').Btf} Btf
 */
function pointerMapTypes(Btf) {
  let strings = '\0';
  const name = (/** @type {string} */ text) => {
    const at = strings.length;
    strings += `${text}\0`;
    return at;
  };
  const kind = (/** @type {number} */ number, vlen = 0) => (number << 24) | vlen;
  const [PTR, STRUCT, FWD, TYPE_TAG] = [2, 4, 7, 18];
  /** @type {number[]} */
  const words = [];
  const pointers = [
    ['prog_test_ref_kfunc', 'kptr_untrusted'],
    ['prog_test_ref_kfunc', 'kptr'],
    ['prog_test_member', 'kptr'],
  ];
  pointers.forEach(([struct, tag], i) => {
    words.push(name(/** @type {string} */ (struct)), kind(FWD), 0);
    words.push(name(/** @type {string} */ (tag)), kind(TYPE_TAG), 3 * i + 1);
    words.push(0, kind(PTR), 3 * i + 2);
  });
  words.push(name('btf_ptr'), kind(STRUCT, 3), 24);
  pointers.forEach((_, i) => {
    words.push(name(`ptr${i}`), 3 * i + 3, 64 * i);
  });
  const types = new Uint8Array(Uint32Array.from(words).buffer);
  const text = new TextEncoder().encode(strings);
  const header = Uint32Array.of(0x0001eb9f, 24, 0, types.length, types.length, text.length);
  const bytes = new Uint8Array(24 + types.length + text.length);
  bytes.set(new Uint8Array(header.buffer));
  bytes.set(types, 24);
  bytes.set(text, 24 + types.length);
  return { btf: Btf.parse(bytes), valueType: 10 };
}

/** @param {string | undefined} text @param {number} size */
function records(text, size) {
  if (!text) return [];
  const bytes = Buffer.from(text, 'base64');
  const rows = [];
  for (let at = 0; at + size <= bytes.length; at += size) rows.push(bytes.subarray(at, at + size));
  return rows;
}

/**
 * Every program of the exam that the kernel judged: what to verify, and what it said.
 * @param {typeof import('@skep/object').Btf} Btf
 * @param {{ suites?: readonly string[], unprivileged?: boolean, kernel?: '6.1' | '6.12' | '6.18' }} [options]
 */
export function* programs(Btf, options = {}) {
  const baseline = JSON.parse(unpack('baseline.json.gz').toString());
  /** @type {Map<string, any>} */
  const rows = new Map();
  for (const row of baseline.rows) rows.set(`${row.suite}/${row.object}/${row.program}/${row.mode}`, row);
  const kernel = options.kernel ?? '6.12';
  const column = `k${kernel.replace('.', '')}`;
  const blobs = btfBlobs();
  /** @type {Map<string, import('@skep/object').Btf>} */
  const parsed = new Map();
  /** @type {ReturnType<typeof pointerMapTypes> | undefined} */
  let pointerMap;
  for (const suite of options.suites ?? ['selftest', 'test_verifier']) {
    /** @type {Map<string, number>} */
    const seen = new Map();
    // Fitted to the types of one kernel; where that was not captured, those of 6.12 serve.
    const captured = existsSync(join(EXAM, `bytecode-${suite}-${kernel}.jsonl.gz`)) ? kernel : '6.12';
    for (const line of unpack(`bytecode-${suite}-${captured}.jsonl.gz`).toString().split('\n')) {
      if (line === '') continue;
      const one = JSON.parse(line);
      const key = `${one.prog}/${one.mode}`;
      const count = (seen.get(`${one.obj}/${key}`) ?? 0) + 1;
      seen.set(`${one.obj}/${key}`, count);
      const title = count > 1 ? `${one.prog}#${count}` : one.prog;
      const row = rows.get(`${suite}/${one.obj}/${title}/${one.mode}`);
      if (row === undefined || !row.exam || !/^(accept|reject)$/.test(row[column]?.verdict)) continue;
      const unprivileged = one.mode === 'unpriv';
      if (unprivileged && options.unprivileged === false) continue;
      let btf;
      if (one.btf !== undefined && blobs.has(one.btf)) {
        btf = parsed.get(one.btf);
        if (btf === undefined) {
          btf = Btf.parse(/** @type {Uint8Array} */ (blobs.get(one.btf)));
          parsed.set(one.btf, btf);
        }
      }
      const maps = (one.maps ?? []).map(mapOf);
      for (const map of btf === undefined ? maps : [])
        if (map.valueType === 14) {
          pointerMap ??= pointerMapTypes(Btf);
          btf = pointerMap.btf;
          map.valueType = pointerMap.valueType;
        }
      const funcInfo = records(one.func_info, one.func_info_rec_size ?? 8).map((r) => ({
        slot: r.readUInt32LE(0),
        type: r.readUInt32LE(4),
      }));
      const lineInfo =
        btf === undefined
          ? []
          : records(one.line_info, one.line_info_rec_size ?? 16).map((r) => ({
              slot: r.readUInt32LE(0),
              file: btf.string(r.readUInt32LE(4)),
              text: btf.string(r.readUInt32LE(8)),
              line: r.readUInt32LE(12) >>> 10,
              column: r.readUInt32LE(12) & 1023,
            }));
      yield {
        id: `${suite}/${one.obj}/${title}/${one.mode}`,
        wanted: row[column],
        input: {
          code: new Uint8Array(Buffer.from(one.insns, 'base64')),
          type: one.prog_type,
          attachType: one.expected_attach_type,
          attachTarget: one.attach_btf_name || undefined,
          structOpsMember: one.struct_ops_member || undefined,
          flags: one.prog_flags,
          license: one.license,
          maps,
          mapAt: new Map(
            (one.map_refs ?? []).filter((/** @type {any} */ [, index]) => one.maps[index]?.error === undefined),
          ),
          symbols: new Map((one.ksyms ?? []).map((/** @type {any} */ [slot, kind, name]) => [slot, { kind, name }])),
          btf,
          funcInfo,
          lineInfo,
          privileged: !unprivileged,
          // Of the machines that were asked.
          cpus: 2,
        },
      };
    }
  }
}

export { spawnSync };
