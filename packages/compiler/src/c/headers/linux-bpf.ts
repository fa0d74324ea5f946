import { UAPI_ENUMS, UAPI_MACROS, UAPI_STRUCTS, type UapiField } from '@skep/abi';
import { SYSTEM } from './system.ts';

/** `linux/bpf.h`, written from the tables of the UAPI the first time that a program includes it. */
export function linuxBpf(): string {
  const out = [
    // Programs carry copies of this header, with the guard of the kernel's tree or of an installed one.
    '#ifndef _UAPI__LINUX_BPF_H__',
    '#define _UAPI__LINUX_BPF_H__',
    '#ifndef __LINUX_BPF_H__',
    '#define __LINUX_BPF_H__',
    '#include <linux/types.h>',
    '#include <linux/bpf_common.h>',
    '',
  ];
  // What both headers define comes from the one that this one includes.
  const enumerators = new Set(
    [...SYSTEM['linux/bpf_common.h']!.matchAll(/^#define (\w+)/gm)].map((found) => found[1]!),
  );
  for (const { name, values } of UAPI_ENUMS) {
    out.push(`enum ${name}${name === '' ? '' : ' '}{`);
    for (const [enumerator, value] of Object.entries(values)) {
      enumerators.add(enumerator);
      out.push(`\t${enumerator} = ${constant(value)},`);
    }
    out.push('};');
  }
  for (const [name, value] of Object.entries(UAPI_MACROS))
    if (!enumerators.has(name)) out.push(`#define ${name} ${constant(value)}`);
  out.push(...FUNCTIONS);
  for (const record of UAPI_STRUCTS) {
    out.push(`${record.kind} ${record.name} {`);
    for (const field of record.fields) member(field, '\t', out);
    // The UAPI declares some records with a larger alignment than their members have.
    out.push(`} __attribute__((aligned(${record.align})));`);
  }
  out.push('#endif', '#endif', '');
  return out.join('\n');
}

/** Macros with parameters. */
const FUNCTIONS = [
  '#define BPF_F_ADJ_ROOM_ENCAP_L2(len) (((__u64)(len) & BPF_ADJ_ROOM_ENCAP_L2_MASK) << BPF_ADJ_ROOM_ENCAP_L2_SHIFT)',
  '#define BPF_LINE_INFO_LINE_NUM(line_col) ((line_col) >> 10)',
  '#define BPF_LINE_INFO_LINE_COL(line_col) ((line_col) & 0x3ff)',
];

function constant(value: number): string {
  if (value > 0x7fff_ffff) return `0x${value.toString(16)}${value > 0xffff_ffff ? 'ULL' : 'U'}`;
  return value < 0 ? `(${value})` : String(value);
}

function member(field: UapiField, indent: string, out: string[]): void {
  if (field.fields !== undefined) {
    const array = field.type.indexOf('[');
    out.push(`${indent}${array < 0 ? field.type : field.type.slice(0, array)} {`);
    for (const inner of field.fields) member(inner, `${indent}\t`, out);
    out.push(`${indent}}${field.name === '' ? '' : ` ${field.name}`}${array < 0 ? '' : field.type.slice(array)};`);
    return;
  }
  const array = field.type.indexOf('[');
  const type = array < 0 ? field.type : field.type.slice(0, array).trimEnd();
  const bits = field.bitSize === undefined ? '' : ` : ${field.bitSize}`;
  const space = type.endsWith('*') ? '' : ' ';
  out.push(
    `${indent}${type}${field.name === '' ? '' : space + field.name}${array < 0 ? '' : field.type.slice(array)}${bits};`,
  );
}
