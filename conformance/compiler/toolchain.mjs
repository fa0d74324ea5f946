// @ts-check
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { corpusPath, kernelTree } from './corpus.mjs';

/** What clang's side needs, built once from the kernel's own sources: libbpf with its headers, bpftool, the loader. */
export function toolchain() {
  const home = corpusPath('tools');
  const libbpf = join(home, 'libbpf/libbpf.a');
  const headers = join(home, 'include');
  if (!existsSync(libbpf)) {
    mkdirSync(join(home, 'libbpf'), { recursive: true });
    make('tools/lib/bpf', [
      `OUTPUT=${home}/libbpf/`,
      `DESTDIR=${home}/`,
      'prefix=',
      'install_headers',
      `${home}/libbpf/libbpf.a`,
    ]);
  }
  const bpftool = join(home, 'bpftool/bootstrap/bpftool');
  if (!existsSync(bpftool)) {
    mkdirSync(join(home, 'bpftool'), { recursive: true });
    make('tools/bpf/bpftool', [`OUTPUT=${home}/bpftool/`, 'bootstrap']);
  }
  const types = join(home, `vmlinux-${release()}`);
  if (!existsSync(types)) {
    mkdirSync(types, { recursive: true });
    const text = execFileSync(bpftool, ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c'], {
      maxBuffer: 1 << 28,
    });
    writeFileSync(join(types, 'vmlinux.h'), text);
  }
  return { clang: 'clang-19', headers, libbpf, types, loader: loader(home, headers, libbpf) };
}

/** @typedef {ReturnType<typeof toolchain>} Toolchain */

function loader(/** @type {string} */ home, /** @type {string} */ headers, /** @type {string} */ libbpf) {
  const source = fileURLToPath(new URL('loader.c', import.meta.url));
  const binary = join(home, 'loader');
  if (!existsSync(binary) || statSync(binary).mtimeMs < statSync(source).mtimeMs) {
    const uapi = join(kernelTree(), 'tools/include/uapi');
    const made = `${binary}.${process.pid}`;
    execFileSync('gcc', ['-O1', '-g', `-I${headers}`, `-I${uapi}`, source, libbpf, '-lelf', '-lz', '-o', made]);
    renameSync(made, binary);
  }
  return binary;
}

function make(/** @type {string} */ folder, /** @type {string[]} */ args) {
  execFileSync('make', ['-s', '-C', join(kernelTree(), folder), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}
