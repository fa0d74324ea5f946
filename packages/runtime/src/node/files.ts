import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SkepError, utf8Text } from '@skep/base';
import {
  type CapturedPacket,
  decodeRecording,
  gunzip,
  LINKTYPE_ETHERNET,
  type PacketCapture,
  type Recording,
  readPackets,
  truncatedRecording,
  writePcap,
  writePcapng,
} from '@skep/capture';
import { type Compiled, type CompileOptions, compile } from '@skep/compiler';
import type { Btf } from '@skep/object';
import { type CheckOptions, type CheckReport, check } from '../check/check.ts';
import { type ExplainedLog, explainKernelLog, type LogOptions } from '../check/kernel-log.ts';
import { alreadyObject, missingFile, unwritableFile } from '../diagnostics.ts';
import { isElf, type Opened, open } from '../open.ts';
import { compileTypes } from './kernel-types.ts';

/** The bytes of a file; E8007 says why there are none. */
export function readBytes(path: string): Uint8Array {
  try {
    // 0 is standard input.
    return new Uint8Array(readFileSync(path === '-' ? 0 : path));
  } catch (error) {
    throw new SkepError(missingFile(path, reasonOf(error)));
  }
}

/** Opens source or object by its path; `#include "…"` looks beside it, then in the options' paths. */
export function openFile(path: string, options: FileOptions = {}): Opened {
  return open(path, readBytes(path), fileCompileOptions(options));
}

/** Verdicts on the programs of a source or object by its path; files that its line information names are read. */
export function checkFile(
  path: string,
  { object, ...options }: Omit<CheckOptions, 'compile'> & Made & { readonly compile?: FileOptions },
): CheckReport {
  const compiling = fileCompileOptions(options.compile ?? {});
  return check(path, object ?? readBytes(path), { readFile: readText, ...options, compile: compiling });
}

/** Of a source that is not C: what was made of it. */
interface Made {
  readonly object?: Uint8Array | undefined;
}

/** {@link explainKernelLog} with the source or object at a path, where there is one. */
export function explainKernelLogOf(
  path: string | undefined,
  log: string,
  { object, ...options }: Omit<LogOptions, 'compile'> & Made & { readonly compile?: FileOptions },
): ExplainedLog | undefined {
  const compile = fileCompileOptions(options.compile ?? {});
  const loaded = path === undefined ? undefined : { name: path, bytes: object ?? readBytes(path) };
  return explainKernelLog(log, { readFile: readText, ...options, compile }, loaded);
}

/** How a source file is compiled; nothing of it matters for objects. */
export interface FileOptions extends CompileOptions {
  /** The types that `vmlinux.h` means, instead of the running kernel's. */
  readonly btf?: Btf | undefined;
}

/** The options of the compiler for a file on this machine. */
export function fileCompileOptions({ btf, ...rest }: FileOptions): CompileOptions {
  const defines = rest.defines ?? [];
  // The registers of probed functions are those of this machine, unless another was meant.
  const target = defines.some((one) => one.startsWith('__TARGET_ARCH_')) ? [] : [TARGET_ARCH];
  return { vmlinux: btf ?? compileTypes, readFile: readText, ...rest, defines: [...target, ...defines] };
}

const TARGET_ARCH = `__TARGET_ARCH_${process.arch === 'arm64' ? 'arm64' : 'x86'}`;

/** Compiles the C source at a path to an object. */
export function compileFile(path: string, options: FileOptions = {}): Compiled {
  const bytes = readBytes(path);
  if (isElf(bytes)) throw new SkepError(alreadyObject(path));
  const result = compile({ name: path, text: utf8Text(bytes) }, fileCompileOptions(options));
  if (!result.ok) throw new SkepError(result.diagnostics);
  return result;
}

/** A recording, packed or not; with a warning when it breaks off. */
export async function readRecording(path: string): Promise<Recording> {
  const { bytes, complete } = await gunzip(readBytes(path), path);
  const recording = decodeRecording(bytes, path);
  if (complete) return recording;
  return { ...recording, warnings: [...recording.warnings, truncatedRecording(path, bytes.length)] };
}

/** A file of packets: pcap or pcapng, packed or not. */
export function readPacketFile(path: string): Promise<PacketCapture> {
  return readPackets(readBytes(path), path);
}

/** Writes packets; pcapng when the name says so, else pcap with nanoseconds. */
export function writePacketFile(
  path: string,
  interfaces: PacketCapture['interfaces'],
  packets: readonly CapturedPacket[],
): void {
  const bytes = path.endsWith('.pcapng')
    ? writePcapng({ interfaces, packets })
    : writePcap(packets, { nanoseconds: true, linkType: interfaces[0]?.linkType ?? LINKTYPE_ETHERNET });
  try {
    writeFileSync(path, bytes);
  } catch (error) {
    throw new SkepError(unwritableFile(path, reasonOf(error)));
  }
}

/** The recording that ships with a program: `opens.skep` beside `opens.bpf.c`. */
export function recordingBeside(path: string): string | undefined {
  const stem = path.replace(/(\.bpf)?\.(c|o|m?ts)$/, '');
  const beside = join(dirname(path), `${stem.slice(dirname(stem) === '.' ? 0 : dirname(stem).length + 1)}.skep`);
  return existsSync(beside) ? beside : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a directory';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
