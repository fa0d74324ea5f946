// @ts-check
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const { compile, renderDiagnostics, Btf } = await import(workerData.snapshot);

/** @type {unknown} */
let types;
const vmlinux = () => {
  types ??= Btf.parse(new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux')));
  return types;
};
/** @type {Map<string, {name: string, text: string} | undefined>} */
const files = new Map();
const readFile = (/** @type {string} */ name) => {
  if (!files.has(name)) {
    const isFile = statSync(name, { throwIfNoEntry: false })?.isFile() ?? false;
    files.set(name, isFile ? { name, text: readFileSync(name, 'utf8') } : undefined);
  }
  return files.get(name);
};

parentPort?.on('message', ({ path, object, options }) => {
  const start = performance.now();
  try {
    const result = compile({ name: path, text: readFileSync(path, 'utf8') }, { ...options, vmlinux, readFile });
    const ms = performance.now() - start;
    if (result.ok) {
      writeFileSync(object, result.object);
      parentPort?.postMessage({ object, ms });
      return;
    }
    const first =
      result.diagnostics.find((/** @type {any} */ one) => one.severity === 'error') ?? result.diagnostics[0];
    parentPort?.postMessage({
      code: first.code,
      error: first.message,
      details: renderDiagnostics(
        result.diagnostics.filter((/** @type {any} */ one) => one.severity === 'error').slice(0, 5),
        {
          color: false,
        },
      ),
      ms,
    });
  } catch (error) {
    const stack = /** @type {Error} */ (error).stack ?? '';
    parentPort?.postMessage({
      code: 'crash',
      error: String(error).slice(0, 300),
      details: stack,
      ms: performance.now() - start,
    });
  }
});
