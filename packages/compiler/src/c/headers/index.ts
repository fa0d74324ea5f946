import type { SourceFile } from '@skep/base';

/** The text of each built-in header, by the name that programs include; some are made from tables when first asked for. */
const HEADERS: Readonly<Record<string, string | (() => string) | undefined>> = {};

const LICENSE = '/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */\n';
const files = new Map<string, SourceFile>();

/** The built-in header of that name (`bpf/bpf_helpers.h`), always the same object; undefined when there is none. */
export function builtinHeader(name: string): SourceFile | undefined {
  let file = files.get(name);
  if (file === undefined && Object.hasOwn(HEADERS, name)) {
    const text = HEADERS[name]!;
    file = { name: `<built-in>/${name}`, text: LICENSE + (typeof text === 'string' ? text : text()) };
    files.set(name, file);
  }
  return file;
}

export function builtinHeaderNames(): readonly string[] {
  return Object.keys(HEADERS);
}
