import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../../test/support/random.mjs';
import { asRecord, complete, pointee } from '../../src/c/types.ts';
import { parseText } from './parse-text.ts';

const COUNT = 400;

describe('layout of records', () => {
  const clang = hasClang();
  it.skipIf(!clang)(
    `agrees with clang-19 on ${COUNT} random records${clang ? '' : ' (skipped: clang-19 is not installed)'}`,
    () => {
      const random = new Random(20_240_601);
      const records = Array.from({ length: COUNT }, (_, i) => randomRecord(random, `r${i}`, 0));
      const text = `${records.join('\n')}\n${records.map((_, i) => `struct r${i} *p${i};`).join('\n')}\n`;
      const dumped = clangLayouts(`${text}${records.map((_, i) => `int s${i} = sizeof(struct r${i});`).join('\n')}\n`);
      const { tree, diagnostics } = parseText(text);
      expect(diagnostics.map((one) => one.message)).toEqual([]);
      let compared = 0;
      for (let i = 0; i < COUNT; i++) {
        const variable = tree!.variables.find((one) => one.name === `p${i}`)!;
        const layout = complete(asRecord(pointee(variable.type)!)!)!;
        const theirs = dumped.get(`r${i}`);
        expect(theirs, records[i]).toBeDefined();
        const ours = {
          size: layout.size * 8,
          align: layout.align * 8,
          offsets: layout.fields.map((one) => one.bitOffset),
        };
        // `:0` has a place in clang's list, but none in ours.
        const named = theirs!.offsets.filter((_, k) => !zeroWidth(records[i]!)[k]);
        expect({ ...theirs, offsets: named }, records[i]).toEqual(ours);
        compared += 1;
      }
      expect(compared).toBe(COUNT);
    },
  );
});

function hasClang(): boolean {
  try {
    execFileSync('clang-19', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

interface Layout {
  readonly size: number;
  readonly align: number;
  readonly offsets: readonly number[];
}

function clangLayouts(text: string): Map<string, Layout> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-layout-'));
  try {
    const file = join(directory, 'layout.c');
    writeFileSync(file, text);
    const out = execFileSync(
      'clang-19',
      ['-target', 'bpf', '-w', '-fsyntax-only', '-Xclang', '-fdump-record-layouts-simple', file],
      { encoding: 'utf8', maxBuffer: 1 << 26 },
    );
    const found = new Map<string, Layout>();
    const pattern =
      /Type: struct (r\d+)\s+Layout: <ASTRecordLayout\s+Size:(\d+)\s+DataSize:\d+\s+Alignment:(\d+)\s+(?:PreferredAlignment:\d+\s+)?FieldOffsets: \[([^\]]*)\]/g;
    for (const [, name, size, align, offsets] of out.matchAll(pattern))
      found.set(name!, {
        size: Number(size),
        align: Number(align),
        offsets: offsets!
          .split(',')
          .filter((one) => one.trim() !== '')
          .map(Number),
      });
    return found;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Which members of the outermost record have the width 0. */
function zeroWidth(record: string): boolean[] {
  const inner = record.slice(record.indexOf('{') + 1, record.lastIndexOf('}'));
  let depth = 0;
  let member = '';
  const members: string[] = [];
  for (const char of inner) {
    if (char === '{') depth += 1;
    if (char === '}') depth -= 1;
    if (char === ';' && depth === 0) {
      members.push(member);
      member = '';
    } else member += char;
  }
  return members.map((one) => /: 0$/.test(one.trim()));
}

function randomRecord(random: Random, tag: string, depth: number): string {
  const members = Array.from({ length: 1 + random.below(7) }, (_, i) => randomMember(random, `m${i}`, depth));
  const attributes = [
    random.below(5) === 0 ? 'packed' : '',
    random.below(6) === 0 ? `aligned(${1 << random.below(6)})` : '',
  ].filter(Boolean);
  const tail = attributes.length > 0 ? ` __attribute__((${attributes.join(', ')}))` : '';
  const keyword = depth > 0 && random.below(2) === 0 ? 'union' : 'struct';
  const body = `${keyword} ${tag} { ${members.join(' ')} }${tail}`;
  if (depth > 0) return body;
  return random.below(8) === 0
    ? `#pragma pack(push, ${1 << random.below(4)})\n${body};\n#pragma pack(pop)`
    : `${body};`;
}

const TYPES = [
  'char',
  'short',
  'int',
  'long',
  '_Bool',
  'unsigned char',
  'unsigned',
  'unsigned long long',
  '__int128',
  'void *',
  'double',
];
const BIT_TYPES: readonly [string, number][] = [
  ['char', 8],
  ['short', 16],
  ['int', 32],
  ['long', 64],
  ['_Bool', 1],
  ['unsigned', 32],
  ['unsigned long', 64],
];

function randomMember(random: Random, name: string, depth: number): string {
  const choice = random.below(10);
  if (choice < 4) {
    const [type, most] = BIT_TYPES[random.below(BIT_TYPES.length)]!;
    if (random.below(8) === 0) return `${type} : 0;`;
    const width = 1 + random.below(most);
    const aligned = random.below(10) === 0 ? ` __attribute__((aligned(${1 << random.below(4)})))` : '';
    return random.below(6) === 0 ? `${type} : ${width};` : `${type} ${name} : ${width}${aligned};`;
  }
  if (choice === 4 && depth < 2)
    return `${randomRecord(random, '', depth + 1)}${random.below(2) === 0 ? ` ${name}` : ` ${name}[2]`};`;
  const attribute =
    random.below(8) === 0
      ? ' __attribute__((packed))'
      : random.below(8) === 0
        ? ` __attribute__((aligned(${1 << random.below(5)})))`
        : '';
  const suffix = random.below(5) === 0 ? `[${random.below(4)}]` : '';
  const type = TYPES[random.below(TYPES.length)]!;
  return `${type} ${name}${suffix}${attribute};`;
}
